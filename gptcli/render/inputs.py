"""The texts that go into the network, as tokens and ids."""

from rich.console import RenderableType
from rich.text import Text

from gptcli.render.styles import NUMBER, QUIET, TITLE
from gptcli.render.tokens import Chips, TokenOf
from gptcli.render.units import count, shape
from gptcli.reports.forward import ForwardReport

_MAX_IDS = 64  # a screen holds no more of them beside what follows


def input_lines(report: ForwardReport, token_of: TokenOf) -> list[RenderableType]:
    """Return the tokens and ids of each text, and the shape of the batch."""
    lines: list[RenderableType] = []
    for ids, length in zip(report.input_ids, report.lengths, strict=True):
        lines.append(Chips([token_of(token_id) for token_id in ids[:length]]))
        row = Text(f"  {' '.join(map(str, ids[: min(length, _MAX_IDS)]))}", style=NUMBER)
        if length > _MAX_IDS:
            row.append(f" ... and {count(length - _MAX_IDS)} more; --json prints all", style=QUIET)
        lines.append(row.append(f" + {len(ids) - length} padding", style=QUIET) if length < len(ids) else row)
    sizes = (len(report.input_ids), len(report.input_ids[0]))
    lines.append(Text.assemble("token ids  ", (shape(sizes), TITLE), ("  (texts x tokens)", QUIET)))
    if report.pad_id is not None:
        note = f"Padded on the right with id {report.pad_id}, which the causal mask hides from the text."
        lines.append(Text(note, style=QUIET))
    return lines
