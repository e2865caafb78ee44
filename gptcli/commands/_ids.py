"""Texts to a batch of token ids that a model can take, or every reason why it cannot."""

from gptcli.config import ModelConfig
from gptcli.errors import InputProblemsError
from gptcli.tokenizer import END_OF_TEXT_ID, SIZE, encode, token_of


def encode_batch(
    texts: list[str], config: ModelConfig, *, allow_special: bool, names: list[str] | None = None
) -> list[list[int]]:
    """Return the ids of each text.

    Args:
        texts: what to encode.
        config: the model that is to take them.
        allow_special: read ``<|endoftext|>`` as the special token.
        names: what to call the texts in messages; by default ``text 1`` and so on.

    Raises:
        InputProblemsError: an empty text, one over the context length, a token outside the vocabulary; all of them.
    """
    batch = [encode(text, allow_special=allow_special) for text in texts]
    called = names or [f"text {number}" for number in range(1, len(texts) + 1)]
    problems = [problem for name, ids in zip(called, batch, strict=True) for problem in _problems(name, ids, config)]
    if problems:
        raise InputProblemsError(problems)
    return batch


def pad_id(config: ModelConfig) -> int:
    """Return the id that fills shorter texts: the end-of-text token, or 0 where the vocabulary lacks it."""
    return END_OF_TEXT_ID if config.vocab_size > END_OF_TEXT_ID else 0


def token_text(token_id: int) -> str | None:
    """Return the text of an id, or None for the ids of a padded vocabulary that spell nothing."""
    return token_of(token_id).text if token_id < SIZE else None


def _problems(name: str, ids: list[int], config: ModelConfig) -> list[str]:
    if not ids:
        return [f"{name} is empty; a forward pass needs at least one token"]
    problems = []
    if len(ids) > config.context_length:
        problems.append(
            f"{name} has {len(ids):,} tokens, over the context length {config.context_length:,} of "
            f"{config.name}; shorten it, or use --set context_length={len(ids)}"
        )
    outside = next((position for position, token_id in enumerate(ids) if token_id >= config.vocab_size), None)
    if outside is not None:
        token = token_of(ids[outside])
        problems.append(
            f"{name}: token {token.text!r} at position {outside} has id {token.id}, outside the vocabulary "
            f"of {config.vocab_size:,} of {config.name}; use --set vocab_size={SIZE}"
        )
    return problems
