"""Somebody's own network compared with ours."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

from gptcli.api.apart import checked_apart
from gptcli.api.configs import network_of, resolve
from gptcli.api.inputs import Given, inputs_of
from gptcli.api.models import ChosenModel, folders_of
from gptcli.api.need import refuse_too_large_twice
from gptcli.config import ModelConfig, ResolvedConfig
from gptcli.model.check.target import Target
from gptcli.reports.check import CheckReport


def check_network(
    target: Target,
    given: Given | None,
    config: str,
    set_values: Sequence[str] = (),
    tied: bool | None = None,
    *,
    config_given: bool = True,
    tokenizer: str | None = None,
    allow_special: bool = False,
    note: Callable[[str], None] = lambda _: None,
    seed: int = 123,
    force: bool = False,
    limit: float | None = None,
    at_once: float | None = None,
    waiting: AbstractContextManager[None] | None = None,
) -> CheckReport:
    """Run a network beside ours with the same weights, in a process of its own.

    Args:
        target: the file, and the class or function in it.
        given: the one text, or ids, to run; None for random tokens.
        config: as for `resolve`; a class is called with it.
        set_values: likewise.
        tied: likewise.
        config_given: whether the config was asked for; where not, a function's sizes are read off its parameters.
        tokenizer: what ``--tokenizer`` says.
        allow_special: read special tokens that the text spells as such.
        note: takes what is worth knowing about the config, and about the text where its model is known beforehand.
        seed: of the weights it draws, and of random tokens.
        force: run even if the memory seems too small.
        limit: seconds that it may take, or None.
        at_once: seconds that their code may take to be loaded, to be built, or for one run; or None.
        waiting: entered while it runs.

    Raises:
        InputError: the text or the config cannot be used, or their code cannot be run, or not in time.
        GptcliError: it takes too much memory.
    """
    resolved = resolve(config, set_values, tied, note=note) if config_given else None

    def asked(is_class: bool) -> ResolvedConfig | None:
        return resolved or (resolve(config, set_values, tied, note=note) if is_class else None)

    folders = folders_of(config) if config_given else ()

    def encode(model: ModelConfig, note: Callable[[str], None] = lambda _: None) -> list[int]:
        assert given is not None
        chosen = ChosenModel(network_of(model), folders=folders)
        inputs = inputs_of(given, chosen, tokenizer=tokenizer, allow_special=allow_special)
        for line in inputs.notes:
            note(line)
        return inputs.batch[0]

    if resolved is not None and given is not None:
        encode(resolved.config, note)  # refuses a text that the model cannot take before their file is run

    def judge() -> CheckReport:
        from gptcli.model.check.run import CheckRequest, run_check

        request = CheckRequest(
            config=asked,
            set_values=tuple(set_values),
            tied=tied,
            seed=seed,
            encode=None if given is None else encode,
            network_of=network_of,
            admit=(lambda _network: None) if force else refuse_too_large_twice,
        )
        return run_check(target, request)

    return checked_apart(target, judge, limit, waiting or nullcontext(), at_once)
