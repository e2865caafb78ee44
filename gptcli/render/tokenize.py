"""``gptcli tokenize`` as text."""

from rich.console import Group, RenderableType
from rich.text import Text

from gptcli.render.console import NUMBER, QUIET, TITLE, TOTAL, plain_table
from gptcli.render.tokens import Chips, visible_token
from gptcli.render.units import count
from gptcli.reports.tokenize import TokenizedText, TokenizeReport

_GPT2 = "r50k_base"
_MAX_ROWS = 200  # a table of more is no longer read


def tokenize_text(report: TokenizeReport) -> Group:
    """Lay out each text as chips and as a table of its tokens, then the total."""
    parts: list[RenderableType] = []
    for number, text in enumerate(report.texts, 1):
        if len(report.texts) > 1:
            parts.append(Text(f"Text {number}", style=TITLE))
        parts += _one_text(text)
    parts.append(_total(report))
    return Group(*parts)


def _one_text(text: TokenizedText) -> list[RenderableType]:
    if not text.tokens:
        return [Text("(empty)", style=QUIET), ""]
    table = plain_table(wrap=True)
    table.add_column("Position", justify="right")
    table.add_column("Id", justify="right", style=NUMBER)
    table.add_column("Token", no_wrap=True)
    table.add_column("Bytes", style=QUIET)
    for position, token in enumerate(text.tokens[:_MAX_ROWS]):
        table.add_row(str(position), str(token.id), Text(visible_token(token)), _spaced(token.bytes or ""))
    more = len(text.tokens) - _MAX_ROWS
    note = [Text(f"... and {count(more)} more; --ids or --json prints all", style=QUIET)] if more > 0 else []
    return [Chips(text.tokens), "", table, *note, ""]


def _spaced(digits: str) -> str:
    return bytes.fromhex(digits).hex(" ")


def _total(report: TokenizeReport) -> Text:
    characters = sum(len(text.text) for text in report.texts)
    unit = "token" if report.total_tokens == 1 else "tokens"
    line = Text.assemble((f"{count(report.total_tokens)} {unit}", TOTAL), f" for {count(characters)} characters")
    whose = ", GPT-2's encoding" if report.encoding == _GPT2 else ""
    return line.append(f"  ({report.encoding}{whose})", style=QUIET)
