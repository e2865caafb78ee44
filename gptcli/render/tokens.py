"""Tokens made visible: spaces, line ends, control bytes and halves of characters."""

from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from gptcli.reports.tokens import Token

TokenOf = Callable[[int], Token]  # looks up the token of an id

SPACE = "\u2423"  # open box, the sign for a visible space
_CHIPS = ("black on bright_cyan", "black on bright_yellow", "black on bright_green", "black on bright_magenta")


def visible(data: bytes) -> str:
    """Return the bytes of a token as text in which nothing is invisible and nothing controls the terminal."""
    try:
        return "".join(_visible(character) for character in data.decode())
    except UnicodeDecodeError:
        return "".join(_visible(chr(b)) if 0x20 <= b < 0x7F and b != 0x5C else f"\\x{b:02x}" for b in data)


def visible_token(token: Token) -> str:
    """Return a token's text made visible; its id where nothing says what it spells."""
    if token.bytes is None:
        return f"#{token.id}"
    return visible(bytes.fromhex(token.bytes)) if token.text is not None else "(no such token)"


class Chips:
    """Tokens side by side in changing colours, with bars between them that stay without colour; no token is broken.

    Args:
        tokens: what is shown.
        limit: of how many; the rest is counted.
    """

    def __init__(self, tokens: Sequence[Token], limit: int = 256) -> None:
        self._tokens = tokens[:limit]
        self._more = len(tokens) - limit

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lay out in lines of the width at hand."""
        line = Text(no_wrap=True)
        for place, token in enumerate(self._tokens):
            word = visible_token(token)
            if place:
                line.append("|", style="dim")
            if line.cell_len and line.cell_len + cell_len(word) + 1 > options.max_width:  # the bar after it, too
                yield line
                line = Text(no_wrap=True)
            line.append(word, style=_CHIPS[place % len(_CHIPS)])
        if self._more > 0:
            line.append(f" ... and {self._more:,} more", style="dim")
        yield line


def _visible(character: str) -> str:
    if character == " ":
        return SPACE
    if character == "\\":
        return "\\\\"
    return character if character.isprintable() else repr(character)[1:-1]
