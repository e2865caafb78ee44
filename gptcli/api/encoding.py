"""Texts to a batch of token ids that a model can take, or every reason why it cannot."""

from gptcli.config import ModelConfig
from gptcli.errors import InputProblemsError
from gptcli.tokenizer import END_OF_TEXT_ID, GPT2, Tokenizer


def encode_batch(
    texts: list[str],
    config: ModelConfig,
    tokenizer: Tokenizer = GPT2,
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
        tokenizer: what encodes them.
        allow_special: read special tokens that a text spells, such as ``<|endoftext|>``, as such.
        names: what to call the texts in messages; by default ``text 1`` and so on.
        any_length: let texts be longer than the context.
        stored: the model's weights are stored, so that no option changes its sizes.

    Raises:
        InputProblemsError: an empty text, one over the context length, a token outside the vocabulary; all of them.
    """
    batch = [tokenizer.encode(text, allow_special=allow_special) for text in texts]
    called = names or [f"text {number}" for number in range(1, len(texts) + 1)]
    problems = []
    for name, text, ids in zip(called, texts, batch, strict=True):
        problems += [] if ids else [_empty(name, text, tokenizer)]
        problems += [] if any_length else _too_long(name, ids, config, stored)
        problems += outside_vocabulary(name, ids, config, tokenizer, stored)
    if problems:
        raise InputProblemsError(problems)
    return batch


def check_lengths(batch: list[list[int]], config: ModelConfig, names: list[str], *, stored: bool) -> None:
    """Refuse what is longer than the context.

    Raises:
        InputProblemsError: every such text.
    """
    problems = [line for name, ids in zip(names, batch, strict=True) for line in _too_long(name, ids, config, stored)]
    if problems:
        raise InputProblemsError(problems)


def long_notes(batch: list[list[int]], names: list[str], config: ModelConfig, new: int = 0) -> list[str]:
    """Say of texts that they go past the context length, where the network has no table of positions that ends there.

    Args:
        batch: ids of each text.
        names: what to call the texts.
        config: the model.
        new: tokens by which each text grows.
    """
    if config.longest_text is not None:
        return []
    has = "grows to" if new else "has"
    return [
        f"{name} {has} {len(ids) + new:,} tokens, over the context length {config.context_length:,} of {config.name}; "
        "the network reads them all, which it may not have learned"
        for name, ids in zip(names, batch, strict=True)
        if len(ids) + new > config.context_length
    ]


def pad_id(config: ModelConfig, tokenizer: Tokenizer | None = GPT2) -> int:
    """Return the id that fills shorter texts: GPT-2's end-of-text token, or 0 with any other vocabulary."""
    return END_OF_TEXT_ID if tokenizer is GPT2 and config.vocab_size > END_OF_TEXT_ID else 0


def _empty(name: str, text: str, tokenizer: Tokenizer) -> str:
    if not text:
        return f"{name} is empty; a forward pass needs at least one token"
    return f"{name} has no token in {tokenizer.name}; a forward pass needs at least one"


def _too_long(name: str, ids: list[int], config: ModelConfig, stored: bool) -> list[str]:
    if config.longest_text is None or len(ids) <= config.longest_text:
        return []
    over = f"{name} has {len(ids):,} tokens, over the context length {config.context_length:,} of {config.name}"
    return [f"{over}; shorten it" if stored else f"{over}; shorten it, or use --set context_length={len(ids)}"]


def outside_vocabulary(name: str, ids: list[int], config: ModelConfig, tokenizer: Tokenizer, stored: bool) -> list[str]:
    """Return what is wrong with ids that a model does not have: nothing, or a line about the first of them.

    Args:
        name: what to call the text.
        ids: its tokens.
        config: the model.
        tokenizer: whose ids they are.
        stored: as for `encode_batch`.
    """
    outside = next((position for position, token_id in enumerate(ids) if token_id >= config.vocab_size), None)
    if outside is None:
        return []
    token = tokenizer.token_of(ids[outside])
    way_out = "leave it out" if stored else f"use --set vocab_size={tokenizer.size}"
    return [
        f"{name}: token {token.text!r} at position {outside} has id {token.id}, outside the vocabulary "
        f"of {config.vocab_size:,} of {config.name}; {way_out}"
    ]
