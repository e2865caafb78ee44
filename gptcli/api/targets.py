"""What is to come after each token of a text: the text shifted by one, or a text of its own."""

from gptcli.api.encoding import outside_vocabulary
from gptcli.api.inputs import Inputs
from gptcli.api.token_ids import check_ids, parse_given_ids
from gptcli.config import STDIN, ModelConfig
from gptcli.errors import InputProblemsError
from gptcli.tokenizer import GPT2, Tokenizer, check_text

_SHORT = 120  # characters of a command that is worth typing


def wanted_targets(
    inputs: Inputs,
    config: ModelConfig,
    *,
    loss: bool,
    targets: list[str] | None,
    allow_special: bool,
    stored: bool = False,
) -> list[list[int]] | None:
    """Return what ``--targets`` says is to come, or with ``--loss`` the texts shifted by one; None for neither.

    Where ids were given in place of texts, targets are ids too.

    Raises:
        InputError: a target that is no id, where ids are wanted.
        InputProblemsError: as `encode_targets` and `shifted_targets`.
    """
    if targets is None:
        return shifted_targets(inputs.batch, inputs.names) if loss else None
    if inputs.given.ids is not None:
        return _given_targets(targets, inputs, config)
    assert inputs.tokenizer is not None
    return encode_targets(
        targets,
        inputs.batch,
        config,
        inputs.tokenizer,
        allow_special=allow_special,
        names=inputs.names,
        stored=stored,
    )


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


def _given_targets(targets: list[str], inputs: Inputs, config: ModelConfig) -> list[list[int]]:
    """Return the ids that ``--targets`` gives, one for each id that goes in."""
    _check_number(targets, inputs.batch)
    names = [f"--targets {number}" for number in range(1, len(targets) + 1)]
    wanted = [parse_given_ids(*each) for each in zip(targets, names, strict=True)]
    check_ids(wanted, names, config)
    problems = [
        _other_length(called, ids, name, given)
        for called, ids, name, given in zip(names, wanted, inputs.names, inputs.batch, strict=True)
        if len(ids) != len(given)
    ]
    if problems:
        raise InputProblemsError(problems)
    return wanted


def encode_targets(
    targets: list[str],
    batch: list[list[int]],
    config: ModelConfig,
    tokenizer: Tokenizer,
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
    _check_number(targets, batch)
    problems, encoded = [], []
    for number, (text, ids, name) in enumerate(zip(targets, batch, names, strict=True), 1):
        called = f"--targets {number}"
        check_text(text, called)
        wanted = tokenizer.encode(text, allow_special=allow_special)
        if len(wanted) != len(ids):
            problems.append(f"{_other_length(called, wanted, name, ids)}{_both_shown(ids, text, tokenizer)}")
        problems += outside_vocabulary(called, wanted, config, tokenizer, stored)
        encoded.append(wanted)
    if problems:
        raise InputProblemsError(problems)
    return encoded


def _check_number(targets: list[str], batch: list[list[int]]) -> None:
    if len(targets) != len(batch):
        raise InputProblemsError(
            [f"--targets is given {_times(len(targets))} for {_many(len(batch), 'text')}; give one per text, in order"]
        )


def _other_length(called: str, wanted: list[int], name: str, ids: list[int]) -> str:
    return f"{called} has {_many(len(wanted), 'token')}, {name} has {len(ids):,}; every token needs its next one"


def _both_shown(ids: list[int], target: str, tokenizer: Tokenizer) -> str:
    """Name the command that shows a short text and its target token by token; it is typed as it stands."""
    from shlex import quote

    if tokenizer is not GPT2:
        return ""
    text = tokenizer.decode_bytes(ids).decode(errors="replace")
    if len(text) + len(target) > _SHORT or not (text + target).isprintable() or STDIN in (text, target):
        return ""
    options = "-- " if text.startswith("-") or target.startswith("-") else ""
    return f"; see both with: gptcli tokenize {options}{quote(text)} {quote(target)}"


def _many(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"
