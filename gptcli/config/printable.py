"""What people wrote, in a form that can be shown to them."""

_LONGEST_QUOTE = 40


def printable(text: str) -> str:
    """Return the text with everything that is invisible or controls a terminal as an escape, lone surrogates too."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def harmless(text: str) -> str:
    """Return the text as it reads, newlines, tabs and wide spaces as they are, the rest as `printable` has it."""
    if text.isprintable():
        return text
    from unicodedata import category  # only for texts that need it

    return "".join(c if c.isprintable() or c in "\n\t" or category(c) == "Zs" else repr(c)[1:-1] for c in text)


def shortened(text: str) -> str:
    """Return the beginning of the text, printable, as a message can quote it."""
    if len(text) <= _LONGEST_QUOTE:
        return printable(text)
    return printable(text[: _LONGEST_QUOTE - 3]) + "..."
