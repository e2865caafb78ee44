"""Figures as formulas, for any command that has ``--explain``."""

import re
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from gptcli.architecture.axes import MEANING
from gptcli.render.console import PATH, QUIET, TITLE, TOTAL
from gptcli.render.layout import Hanging, indented
from gptcli.render.units import count
from gptcli.reports.explanation import Explanation

_INDENT = 2
_SHORT = 56  # characters up to which a formula and its values share a line
_MEANING = {
    **MEANING,
    "N": "parameters",
    "body": "parameters of no embedding and no output head",
    "matrices": "parameters of the blocks' matrices, 12LC^2",
}


def explanations_text(explanations: Sequence[Explanation]) -> Group:
    """Show each figure with its formula, the formula with the values put in, and its source; then what symbols mean."""
    parts: list[RenderableType] = [Text("How each figure comes about", style=TITLE)]
    for explanation in explanations:
        parts += ["", *_one(explanation)]
    legend = _legend(explanations)
    return Group(*parts, "", legend) if legend else Group(*parts)


def _one(explanation: Explanation) -> list[RenderableType]:
    head = Text.assemble((explanation.name, TITLE), "  ", (count(explanation.value), TOTAL), f" {explanation.unit}")
    lines = [f"= {explanation.formula}", *([f"= {_substituted(explanation)}"] if explanation.values else [])]
    together = "  ".join(lines)
    shown = [together] if len(together) <= _SHORT else lines
    return [head, *(_indented(line, PATH) for line in shown), _indented(explanation.source, QUIET)]


def _indented(line: str, style: str) -> Hanging:
    return indented(Text(line, style=style), _INDENT)


def _substituted(explanation: Explanation) -> str:
    """Put the values into the formula: ``12*L`` -> ``12*96``."""
    values = explanation.values
    return re.sub(r"[A-Za-z_]\w*", lambda word: str(values.get(word[0], word[0])), explanation.formula)


def _legend(explanations: Sequence[Explanation]) -> Text | None:
    used = {symbol for explanation in explanations for symbol in explanation.values}
    known = [f"{symbol} {meaning}" for symbol, meaning in _MEANING.items() if symbol in used]
    return Text("\n".join(known), style=QUIET) if known else None
