"""What goes into a model: texts, or token ids in their place."""

from collections.abc import Sequence

from msgspec import Struct

from gptcli.api.encoding import check_lengths, encode_batch, long_notes
from gptcli.api.models import ChosenModel
from gptcli.api.texts import read_texts, text_names
from gptcli.api.token_ids import check_ids, parse_given_ids
from gptcli.api.tokenizers import id_tokenizer, notes_on, text_tokenizer
from gptcli.errors import InputError
from gptcli.reports.tokens import Token
from gptcli.tokenizer import Tokenizer, nameless


class Given(Struct, frozen=True):
    """What was given, before any model is known.

    Attributes:
        texts: as they stand, or None where ids were given.
        ids: of each text, or None where texts were given.
        names: what to call each of them in messages.
    """

    texts: list[str] | None
    ids: list[list[int]] | None
    names: list[str]


class Inputs(Struct, frozen=True):
    """What goes into a model.

    Attributes:
        given: what was given.
        batch: the ids of each text, none empty.
        tokenizer: what says which text they are, or None where nothing does.
        notes: what is worth knowing, a line each.
    """

    given: Given
    batch: list[list[int]]
    tokenizer: Tokenizer | None
    notes: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """What to call each of the texts."""
        return self.given.names

    def token_of(self, token_id: int) -> Token:
        """Return the token of an id; without a tokenizer the id alone."""
        return nameless(token_id) if self.tokenizer is None else self.tokenizer.token_of(token_id)

    def token_text(self, token_id: int) -> str | None:
        """Return the text of an id, or None where it has none."""
        return self.token_of(token_id).text

    def tokens(self) -> list[list[Token]]:
        """Return the tokens of each text."""
        return [[self.token_of(token_id) for token_id in ids] for ids in self.batch]

    def prompts(self) -> list[tuple[str | None, list[int]]]:
        """Return each text and its ids; of ids what they spell, or None where nothing says that."""
        if self.given.texts is not None:
            return list(zip(self.given.texts, self.batch, strict=True))
        return [(_spelled(ids, self.tokenizer), ids) for ids in self.batch]


def read_given(
    texts: Sequence[str] | None, files: Sequence[str] | None, token_ids: Sequence[str] | None, *, config: str = ""
) -> Given:
    """Read texts, or the ids that stand in their place.

    Raises:
        InputError: as `read_texts` and `parse_given_ids`, or both are given.
    """
    if not token_ids:
        return Given(read_texts(texts, files, config=config), None, text_names(texts, files))
    if texts or files:
        raise InputError("--token-ids gives ids in place of texts; leave out the one or the others")
    names = [f"--token-ids {number}" for number in range(1, len(token_ids) + 1)]
    return Given(None, [parse_given_ids(*each) for each in zip(token_ids, names, strict=True)], names)


def read_one(text: str | None, token_ids: Sequence[str] | None, *, config: str = "") -> Given | None:
    """Read the one text, or the ids in its place, that a command runs; None where neither is given.

    Raises:
        InputError: as `read_given`, or ids are given for more than one text.
    """
    if text is None and not token_ids:
        return None
    given = read_given(None if text is None else [text], None, token_ids, config=config)
    if len(given.names) > 1:
        raise InputError("--token-ids is given more than once, and one text is run; give it once")
    return given if given.ids is not None else Given(given.texts, None, ["the text"])


def inputs_of(
    given: Given,
    chosen: ChosenModel,
    *,
    tokenizer: str | None = None,
    allow_special: bool = False,
    any_length: bool = False,
) -> Inputs:
    """Return what goes into a model.

    Args:
        given: texts or ids.
        chosen: the model.
        tokenizer: what ``--tokenizer`` says.
        allow_special: read special tokens that a text spells as such.
        any_length: let texts be longer than the context.

    Raises:
        InputError: nothing says how the texts become ids, or the tokenizer cannot be used.
        InputProblemsError: texts or ids that the model cannot take.
    """
    stored = chosen.weights is not None
    if given.ids is not None:
        check_ids(given.ids, given.names, chosen.config)
        if not any_length:
            check_lengths(given.ids, chosen.config, given.names, stored=stored)
        found = id_tokenizer(chosen.network, chosen.folders, tokenizer)
        notes = () if any_length else long_notes(given.ids, given.names, chosen.config)
        return Inputs(given, given.ids, found.tokenizer, (*found.notes, *notes))
    assert given.texts is not None
    found = text_tokenizer(chosen.network, chosen.folders, tokenizer)
    assert found.tokenizer is not None
    batch = encode_batch(
        given.texts,
        chosen.config,
        found.tokenizer,
        allow_special=allow_special,
        names=given.names,
        any_length=any_length,
        stored=stored,
    )
    notes = notes_on(found.tokenizer, given.texts, given.names, allow_special=allow_special)
    long = () if any_length else long_notes(batch, given.names, chosen.config)
    return Inputs(given, batch, found.tokenizer, (*found.notes, *notes, *long))


def _spelled(ids: list[int], tokenizer: Tokenizer | None) -> str | None:
    """Return what ids spell; those that the tokenizer does not have spell nothing."""
    if tokenizer is None:
        return None
    known = [token_id for token_id in ids if tokenizer.token_of(token_id).text is not None]
    return tokenizer.decode_bytes(known).decode(errors="replace")
