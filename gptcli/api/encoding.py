"""Texts to a batch of token ids that a model can take, or every reason why it cannot."""

from gptcli.config import ModelConfig
from gptcli.errors import InputProblemsError
from gptcli.reports.tokens import Token
from gptcli.tokenizer import END_OF_TEXT_ID, SIZE, encode, token_of


def encode_batch(
    texts: list[str],
    config: ModelConfig,
    *,
    allow_special: bool,
    names: list[str] | None = None,
    any_length: bool = False,
    stored: bool = False,
) -> list[list[int]]:
    """Return the ids of each text.

    Args:
        texts: what to encode.
        config: the model that is to take them.
        allow_special: read ``<|endoftext|>`` as the special token.
        names: what to call the texts in messages; by default ``text 1`` and so on.
        any_length: let texts be longer than the context.
        stored: the model's weights are stored, so that no option changes its sizes.

    Raises:
        InputProblemsError: an empty text, one over the context length, a token outside the vocabulary; all of them.
    """
    batch = [encode(text, allow_special=allow_special) for text in texts]
    called = names or [f"text {number}" for number in range(1, len(texts) + 1)]
    problems = []
    for name, ids in zip(called, batch, strict=True):
        problems += [f"{name} is empty; a forward pass needs at least one token"] if not ids else []
        problems += [] if any_length else _too_long(name, ids, config, stored)
        problems += outside_vocabulary(name, ids, config, stored)
    if problems:
        raise InputProblemsError(problems)
    return batch


def tokens_of(
    texts: list[str], config: ModelConfig, *, allow_special: bool, names: list[str] | None = None
) -> list[list[Token]]:
    """Return the tokens of each text; arguments and errors as of `encode_batch`."""
    batch = encode_batch(texts, config, allow_special=allow_special, names=names)
    return [[token_of(token_id) for token_id in ids] for ids in batch]


def pad_id(config: ModelConfig) -> int:
    """Return the id that fills shorter texts: the end-of-text token, or 0 where the vocabulary lacks it."""
    return END_OF_TEXT_ID if config.vocab_size > END_OF_TEXT_ID else 0


def token_text(token_id: int) -> str | None:
    """Return the text of an id, or None for the ids of a padded vocabulary that spell nothing."""
    return token_of(token_id).text if token_id < SIZE else None


def _too_long(name: str, ids: list[int], config: ModelConfig, stored: bool) -> list[str]:
    if len(ids) <= config.context_length:
        return []
    over = f"{name} has {len(ids):,} tokens, over the context length {config.context_length:,} of {config.name}"
    return [f"{over}; shorten it" if stored else f"{over}; shorten it, or use --set context_length={len(ids)}"]


def outside_vocabulary(name: str, ids: list[int], config: ModelConfig, stored: bool) -> list[str]:
    """Return what is wrong with ids that a model does not have: nothing, or a line about the first of them.

    Args:
        name: what to call the text.
        ids: its tokens.
        config: the model.
        stored: as for `encode_batch`.
    """
    outside = next((position for position, token_id in enumerate(ids) if token_id >= config.vocab_size), None)
    if outside is None:
        return []
    token = token_of(ids[outside])
    return [
        f"{name}: token {token.text!r} at position {outside} has id {token.id}, outside the vocabulary "
        f"of {config.vocab_size:,} of {config.name}; {'leave it out' if stored else f'use --set vocab_size={SIZE}'}"
    ]
