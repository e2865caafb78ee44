"""``gptcli generate`` as text: the texts on stdout, the facts beside them."""

from collections.abc import Sequence

from rich.console import Group
from rich.text import Text

from gptcli.render.console import TOTAL
from gptcli.render.emit import print_piece
from gptcli.render.layout import pairs
from gptcli.render.model_line import model_line
from gptcli.render.run_facts import weights_line
from gptcli.render.tokens import TokenOf
from gptcli.render.units import binary, count, seconds
from gptcli.reports.generate import GenerateReport

_ATTENTION = {"sdpa": "fused attention", "explicit": "explicit attention"}
_ENDED = {"length": "the number asked for", "stop": "a stop text came", "end of text": "the end of the text came"}


def print_texts(report: GenerateReport) -> None:
    """Print several texts, each under its number, a prompt and what it was continued with."""
    for number, text in enumerate(report.texts, 1):
        print_piece(f"{chr(10) if number > 1 else ''}Text {number}\n")
        print_piece(prompt_words(text.prompt, text.prompt_ids), prominent=True)
        print_piece(f"{text.text}\n" if text.text is not None else f" {_ids(text.ids)}\n")


def prompt_words(prompt: str | None, ids: Sequence[int]) -> str:
    """Return what is shown of a prompt: the text, or its ids where nothing says what they spell."""
    return _ids(ids) if prompt is None else prompt


def _ids(ids: Sequence[int]) -> str:
    return " ".join(map(str, ids))


def generate_facts(report: GenerateReport, token_of: TokenOf) -> Group:
    """Lay out what ran, how tokens were chosen, how fast they came.

    Args:
        report: the run.
        token_of: looks up the token of an id, which may spell nothing.
    """
    assert report.config is not None
    device = f"{report.device} ({report.device_name})" if report.device_name else report.device
    rows: list[tuple[Text | str, Text | str]] = []
    rows.append(("generated", _generated(report, token_of)))
    rows.append(("chosen", _chosen(report)))
    rows.append(("speed", _speed(report)))
    rows.append(("memory", _memory(report)))
    rows.append(("device", f"{device}, {report.dtype}, {_ATTENTION[report.attention]}"))
    note = weights_line(report.weights, report.seed, "every token is chance")
    return Group("", model_line(report.config), pairs(rows), "", note)


def _generated(report: GenerateReport, token_of: TokenOf) -> Text:
    tokens = sum(len(text.ids) for text in report.texts)
    line = Text.assemble((_many(tokens, "token"), TOTAL))
    if len(report.texts) == 1:
        line.append(f", {_ENDED[report.texts[0].finish_reason]}")
    else:
        line.append(f" in {len(report.texts)} texts")
    silent = sum(token_of(token_id).bytes == "" for text in report.texts for token_id in text.ids)
    return line.append(f"; {count(silent)} spell nothing, no such token" if silent else "")


def _chosen(report: GenerateReport) -> str:
    if report.temperature == 0:
        return "the most likely each time"
    kept = [f"top-k {report.top_k}"] if report.top_k is not None else []
    kept += [f"top-p {report.top_p:g}"] if report.top_p is not None else []
    return ", ".join(["drawn", f"temperature {report.temperature:g}", *kept, f"seed {report.seed}"])


def _speed(report: GenerateReport) -> str:
    built, first = seconds(report.build_seconds), seconds(report.time_to_first_token_seconds)
    return f"{report.tokens_per_second:.1f} tokens/s, the first after {first}; {built} to build"


def _memory(report: GenerateReport) -> str:
    cache = "no KV cache" if report.kv_cache_bytes is None else f"KV cache {binary(report.kv_cache_bytes)}"
    return f"{binary(report.weights_bytes)} for {count(report.parameters)} parameters, {cache}"


def _many(number: int, thing: str) -> str:
    return f"{count(number)} {thing}" if number == 1 else f"{count(number)} {thing}s"
