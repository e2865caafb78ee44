"""Attention drawn in characters: a row a token that looks, a column a token that is looked at."""

from collections.abc import Sequence
from itertools import zip_longest

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from gptcli.render.console import PATH, QUIET, TITLE
from gptcli.render.tokens import visible_token
from gptcli.render.units import count
from gptcli.reports.tokens import Token
from gptcli.reports.trace import AttentionMap

# Of a quarter, half, three quarters, all of the row's largest weight.
_SHADES = "\u2591\u2592\u2593\u2588"
_HIDDEN = "\u00b7"
_CELL = 2  # columns, which on most screens is a square
_LONGEST_ROW_NAME, _LONGEST_COLUMN_NAME = 14, 8
_PERCENT_CELL, _WIDEST_CELL = 7, 12  # columns, where there is room for the number beside the shade


def legend() -> Text:
    """Say what the shades mean."""
    shades = " ".join(list(_SHADES))
    words = f"{shades} up to a quarter, half, three quarters and all of the row's largest weight; "
    return Text(f"{words}{_HIDDEN} hidden by the causal mask; a row adds up to 100%", style=QUIET)


class AttentionMapText:
    """A map with its tokens on both axes; what the width at hand has no room for is left out and said."""

    def __init__(self, attention: AttentionMap, tokens: Sequence[Token], *, many_texts: bool) -> None:
        self._attention = attention
        self._names = [visible_token(token) for token in tokens]
        self._title = f"Block {attention.block}, head {attention.head}"
        if many_texts:
            self._title += f", text {attention.text + 1}"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw with numbers where they fit."""
        yield Text.assemble((self._title, TITLE), "  ", (self._attention.path, PATH))
        longest = max(map(cell_len, self._names))
        whole = max(_PERCENT_CELL, longest + 1)
        sizes = ((whole, longest), (min(whole, _WIDEST_CELL), _LONGEST_ROW_NAME), (_PERCENT_CELL, _LONGEST_ROW_NAME))
        for cell, head in sizes:
            if len(self._names) * cell <= self._room(options, head):
                yield self._drawn(len(self._names), cell, head)
                return
        shown = min(len(self._names), max(1, self._room(options, _LONGEST_ROW_NAME) // _CELL))
        yield self._drawn(shown, _CELL, _LONGEST_ROW_NAME)
        if shown < len(self._names):
            more = f"the first {count(shown)} of {count(len(self._names))} tokens; --json prints all"
            yield Text(more, style=QUIET)

    def _room(self, options: ConsoleOptions, head: int) -> int:
        """Return the columns that are left beside the names of rows."""
        return options.max_width - (len(str(len(self._names))) + 2 + min(head, max(map(cell_len, self._names))))

    def _drawn(self, shown: int, cell: int, head: int) -> Text:
        names = [set_cell_size(name, min(cell_len(name), head)) for name in self._names[:shown]]
        width, digits = max(map(cell_len, names)), len(str(len(self._names)))
        margin = digits + 2 + width
        lines = [Text(f"{'':{margin}}{line}", style=QUIET) for line in _heads(self._names[:shown], cell)]
        for row, name in enumerate(names):
            line = Text.assemble((f"{row:>{digits}} ", QUIET), f"{' ' * (width - cell_len(name))}{name} ")
            weights = self._attention.weights[row][:shown]
            lines.append(line.append("".join(_cell(weights, row, column, cell) for column in range(shown))))
        return Text("\n", no_wrap=True).join(lines)


def _heads(names: Sequence[str], cell: int) -> list[str]:
    """Return the names of the columns: across where cells are wide, else letter by letter from top to bottom."""
    if cell > _CELL:
        return ["".join(f"{set_cell_size(name, cell - 1)} " for name in names)]
    short = [name[:_LONGEST_COLUMN_NAME] for name in names]
    height = max(map(len, short))
    return [
        "".join(set_cell_size(letter, cell) for letter in line)
        for line in zip_longest(*(f"{n:>{height}}" for n in short))
    ]


def _cell(weights: Sequence[float], row: int, column: int, cell: int) -> str:
    if column > row:
        return f"{_HIDDEN:<{cell}}"
    largest = max(weights[: row + 1])
    place = min(int(len(_SHADES) * weights[column] / largest), len(_SHADES) - 1) if largest > 0 else 0
    shade = _SHADES[place] * 2
    return shade if cell == _CELL else f"{f'{shade}{100 * weights[column]:>3.0f}%':<{cell}}"
