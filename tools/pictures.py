"""Writes the README's pictures from the program itself: ``python -m tools.pictures``."""

import re
from pathlib import Path

from gptcli.analysis.flow import flow_report
from gptcli.api.encoding import encode_batch, pad_id
from gptcli.architecture import describe
from gptcli.config import load_config
from gptcli.render.flow import draw
from gptcli.render.forward import forward_text
from gptcli.reports.forward import ForwardReport
from gptcli.tokenizer import token_of

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
TEXT = "Every effort moves you"
WIDTH = 80


def main() -> None:
    """Draw the forward pass of the default model as a terminal shows it, and its flow map."""
    from gptcli.model.forward import ForwardOptions, run_forward

    config = load_config("gpt2-124m", environ={}).config
    batch = encode_batch([TEXT], config, allow_special=False)
    forward = run_forward(
        describe(config), batch, ForwardOptions(), pad_id=pad_id(config), token_text=lambda i: token_of(i).text
    )
    tokens = [[token_of(token_id) for token_id in ids] for ids in batch]
    flow = draw(flow_report(describe(config), tokens=len(batch[0]), texts=tokens), 3, "svg")
    assert isinstance(flow, str)
    FOLDER.mkdir(exist_ok=True)
    for name, page in {"forward": terminal(forward), "flow": flow}.items():
        (FOLDER / f"{name}.svg").write_text(page, encoding="utf-8")


def terminal(report: ForwardReport) -> str:
    """Return what a terminal shows, as a picture that asks no other machine for fonts."""
    from io import StringIO

    from rich.console import Console
    from rich.terminal_theme import MONOKAI

    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True, highlight=False)
    console.print(forward_text(report, token_of))
    page = console.export_svg(title=f'gptcli forward "{TEXT}"', theme=MONOKAI, unique_id="forward")
    return re.sub(r"@font-face \{.*?\}\s*", "", page, flags=re.DOTALL)


if __name__ == "__main__":
    main()
