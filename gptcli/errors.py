"""The errors that a user of gptcli can meet, and the exit codes they end in."""

from collections.abc import Iterable


class GptcliError(Exception):
    """An expected failure, reported in one line: place, problem, way out. Exit code 1."""

    exit_code = 1


class InputError(GptcliError):
    """Invalid input: a config, a text, an option's value. Exit code 2."""

    exit_code = 2


class InputProblemsError(InputError):
    """All problems of one input at once, each a line of its own."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """``" (did you mean 'n_heads'?)"`` for a near miss, else an empty string."""
    near = closest(word, choices)
    return f" (did you mean '{near}'?)" if near else ""


def closest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice that looks most like the word, or None where none looks much like it."""
    from difflib import get_close_matches

    lowered = {choice.lower(): choice for choice in choices}
    near = get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    return lowered[near[0]] if near else None
