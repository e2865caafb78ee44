"""What is to come after each token of a text: the text shifted by one, or a text of its own."""

from gptcli.api.encoding import outside_vocabulary
from gptcli.config import STDIN, ModelConfig
from gptcli.errors import InputProblemsError
from gptcli.tokenizer import check_text, decode_bytes, encode

_SHORT = 120  # characters of a command that is worth typing


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
        problems += outside_vocabulary(called, wanted, config, stored)
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
