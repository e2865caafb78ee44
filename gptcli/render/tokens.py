"""Tokens made visible: spaces, line ends, control bytes and halves of characters."""

from rich.text import Text

from gptcli.reports import Token

SPACE = "\u2423"  # open box, the sign for a visible space
_CHIPS = ("black on bright_cyan", "black on bright_yellow", "black on bright_green", "black on bright_magenta")


def visible(data: bytes) -> str:
    """Return the bytes of a token as text in which nothing is invisible and nothing controls the terminal."""
    try:
        return "".join(_visible(character) for character in data.decode())
    except UnicodeDecodeError:
        return "".join(_visible(chr(b)) if 0x20 <= b < 0x7F and b != 0x5C else f"\\x{b:02x}" for b in data)


def visible_token(token: Token) -> str:
    """Return a token's text made visible."""
    return visible(bytes.fromhex(token.bytes))


def chips(tokens: list[Token], limit: int = 256) -> Text:
    """Return the tokens side by side in changing colours, with bars between them that stay without colour."""
    text = Text()
    for index, token in enumerate(tokens[:limit]):
        if index:
            text.append("|", style="dim")
        text.append(visible_token(token), style=_CHIPS[index % len(_CHIPS)])
    if len(tokens) > limit:
        text.append(f" ... and {len(tokens) - limit:,} more", style="dim")
    return text


def _visible(character: str) -> str:
    if character == " ":
        return SPACE
    if character == "\\":
        return "\\\\"
    return character if character.isprintable() else repr(character)[1:-1]
