"""Tokens to text while they come: nothing is passed on that a later token could change."""

from codecs import getincrementaldecoder
from collections.abc import Callable, Sequence

from gptcli.tokenizer.packaged import GPT2
from gptcli.tokenizer.tokenizer import Tokenizer


class TextStream:
    """Spells a text token by token, up to the first of some stop texts.

    A token may be half a character and a character may be the beginning of a stop text; both are held back until it is
    known what becomes of them. Ids that the tokenizer does not have spell nothing.

    Args:
        stops: texts that end this one; the one that is met is no part of it.
        show: is given every piece of the text as soon as it is certain.
        tokenizer: what spells the tokens.
        previous: the token that the text goes on after, or None at its beginning.

    Attributes:
        text: what is certain.
    """

    def __init__(
        self,
        stops: Sequence[str] = (),
        show: Callable[[str], None] | None = None,
        tokenizer: Tokenizer = GPT2,
        previous: int | None = None,
    ) -> None:
        self.text = ""
        self._stops = tuple(stops)
        self._show = show
        self._tokenizer = tokenizer
        self._previous = previous
        self._decoder = getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""

    def add(self, token_id: int) -> bool:
        """Take a token; return whether a stop text has been met."""
        self._held += self._decoder.decode(self._tokenizer.bytes_after(self._previous, token_id))
        self._previous = token_id
        found = [at for at in map(self._held.find, self._stops) if at >= 0]
        if found:
            self._pass_on(min(found))
            self._held = ""
            return True
        self._pass_on(len(self._held) - self._may_become_stop())
        return False

    def end(self) -> None:
        """Show what was held back, because no more tokens come."""
        self._held += self._decoder.decode(b"", final=True)
        self._pass_on(len(self._held))

    def _may_become_stop(self) -> int:
        """Return the length of the longest end of what is held that a stop text begins with."""
        lengths = range(min(len(self._held), max(map(len, self._stops), default=0)), 0, -1)
        return next((n for n in lengths if any(stop.startswith(self._held[-n:]) for stop in self._stops)), 0)

    def _pass_on(self, length: int) -> None:
        piece, self._held = self._held[:length], self._held[length:]
        self.text += piece
        if piece and self._show is not None:
            self._show(piece)


class IdStream:
    """Shows ids as they come, where no tokenizer says what they spell.

    Args:
        show: is given every id, after a space.

    Attributes:
        text: None: there is none.
    """

    def __init__(self, show: Callable[[str], None] | None = None) -> None:
        self.text = None
        self._show = show

    def add(self, token_id: int) -> bool:
        """Take a token; return that the text goes on."""
        if self._show is not None:
            self._show(f" {token_id}")
        return False

    def end(self) -> None:
        """Learn that no more tokens come."""
