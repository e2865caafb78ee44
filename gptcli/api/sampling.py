"""How the next token is chosen, checked before any work."""

from math import isfinite
from typing import TYPE_CHECKING

from gptcli.errors import InputError, InputProblemsError
from gptcli.tokenizer import Tokenizer, check_text

if TYPE_CHECKING:
    from gptcli.model.sampling import Sampling


def check_sampling(temperature: float | None, top_p: float | None) -> None:
    """Refuse values by which no token can be chosen.

    Raises:
        InputProblemsError: every value that is out of range; no comparison finds NaN, so each is asked what it is.
    """
    problems = []
    if temperature is not None and not (isfinite(temperature) and temperature >= 0):
        problems.append(f"--temperature {temperature:g} is not a number from 0 on; 0 takes the most likely token")
    if top_p is not None and not 0 < top_p <= 1:
        problems.append(f"--top-p {top_p:g} is not above 0 and at most 1; 1 leaves all tokens in")
    if problems:
        raise InputProblemsError(problems)


def sampling_of(temperature: float | None, top_k: int | None, top_p: float | None) -> "Sampling":
    """Return what the options describe; an option that limits the tokens also asks for a draw."""
    from gptcli.model.sampling import Sampling

    if temperature is None:
        temperature = 0.0 if top_k is None and top_p is None else 1.0
    return Sampling(temperature, top_k, top_p)


def check_stop_texts(stops: list[str]) -> None:
    """Refuse stop texts that every text would begin with, or that no text can hold.

    Raises:
        InputError: an empty one, or a lone surrogate.
    """
    for number, stop in enumerate(stops, 1):
        name = f"--stop {number}"
        if not stop:
            raise InputError(f"{name} is empty and would end every text at once; name a text, e.g. --stop '.'")
        check_text(stop, name)


def check_stops(stops: list[str], tokenizer: Tokenizer | None) -> None:
    """Refuse stop texts where nothing says which text tokens spell.

    Raises:
        InputError: there are such, and no tokenizer.
    """
    if stops and tokenizer is None:
        raise InputError(
            "--stop is a text, and nothing says what ids spell here; leave it out, or add --tokenizer PATH"
        )
