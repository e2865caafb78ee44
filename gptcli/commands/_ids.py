"""Texts to a batch of token ids that a model can take, or every reason why it cannot."""

from gptcli.config import STDIN, ModelConfig
from gptcli.errors import InputProblemsError
from gptcli.tokenizer import END_OF_TEXT_ID, SIZE, check_text, decode_bytes, encode, token_of

_SHORT = 120  # characters of a command that is worth typing


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
        problems += _outside(name, ids, config, stored)
    if problems:
        raise InputProblemsError(problems)
    return batch


def wanted_targets(
    batch: list[list[int]],
    config: ModelConfig,
    *,
    loss: bool,
    targets: list[str] | None,
    allow_special: bool,
    names: list[str],
    stored: bool = False,
) -> list[list[int]] | None:
    """Return what ``--targets`` says is to come, or with ``--loss`` the texts shifted by one; None for neither.

    Raises:
        InputProblemsError: as `encode_targets` and `shifted_targets`.
    """
    if targets is not None:
        return encode_targets(targets, batch, config, allow_special=allow_special, names=names, stored=stored)
    return shifted_targets(batch, names) if loss else None


def shifted_targets(batch: list[list[int]], names: list[str]) -> list[list[int]]:
    """Return what comes next in each text: a text of n tokens has n - 1 targets.

    Raises:
        InputProblemsError: texts of a single token, after which nothing comes.
    """
    problems = [
        f"{name} is a single token, so there is no next one to predict; write more, or give it with --targets"
        for name, ids in zip(names, batch, strict=True)
        if len(ids) == 1
    ]
    if problems:
        raise InputProblemsError(problems)
    return [ids[1:] for ids in batch]


def encode_targets(
    targets: list[str],
    batch: list[list[int]],
    config: ModelConfig,
    *,
    allow_special: bool,
    names: list[str],
    stored: bool = False,
) -> list[list[int]]:
    """Return the ids of the targets, one for each token of its text.

    Raises:
        InputProblemsError: more or fewer targets than texts, or of another number of tokens; a token outside the
            vocabulary; all of them.
    """
    if len(targets) != len(batch):
        raise InputProblemsError(
            [f"--targets is given {_times(len(targets))} for {_many(len(batch), 'text')}; give one per text, in order"]
        )
    problems, encoded = [], []
    for number, (text, ids, name) in enumerate(zip(targets, batch, names, strict=True), 1):
        called = f"--targets {number}"
        check_text(text, called)
        wanted = encode(text, allow_special=allow_special)
        if len(wanted) != len(ids):
            problems.append(
                f"{called} has {_many(len(wanted), 'token')}, {name} has {len(ids):,}; every token needs its next one"
                f"{_both_shown(ids, text)}"
            )
        problems += _outside(called, wanted, config, stored)
        encoded.append(wanted)
    if problems:
        raise InputProblemsError(problems)
    return encoded


def _both_shown(ids: list[int], target: str) -> str:
    """Name the command that shows a short text and its target token by token; it is typed as it stands."""
    from shlex import quote

    text = decode_bytes(ids).decode(errors="replace")
    if len(text) + len(target) > _SHORT or not (text + target).isprintable() or STDIN in (text, target):
        return ""
    options = "-- " if text.startswith("-") or target.startswith("-") else ""
    return f"; see both with: gptcli tokenize {options}{quote(text)} {quote(target)}"


def _many(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"


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


def _outside(name: str, ids: list[int], config: ModelConfig, stored: bool) -> list[str]:
    outside = next((position for position, token_id in enumerate(ids) if token_id >= config.vocab_size), None)
    if outside is None:
        return []
    token = token_of(ids[outside])
    return [
        f"{name}: token {token.text!r} at position {outside} has id {token.id}, outside the vocabulary "
        f"of {config.vocab_size:,} of {config.name}; {'leave it out' if stored else f'use --set vocab_size={SIZE}'}"
    ]
