"""Somebody's own network compared with ours."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from gptcli.api.apart import checked_apart
from gptcli.api.configs import network_of, resolve
from gptcli.api.encoding import encode_batch
from gptcli.api.need import refuse_too_large_twice
from gptcli.config import ModelConfig, ResolvedConfig
from gptcli.model.check.target import Target
from gptcli.reports.check import CheckReport


def check_network(
    target: Target,
    text: str | None,
    config: str,
    set_values: Sequence[str] = (),
    tied: bool | None = None,
    *,
    config_given: bool = True,
    allow_special: bool = False,
    seed: int = 123,
    force: bool = False,
    limit: float | None = None,
    waiting: AbstractContextManager[None] | None = None,
) -> CheckReport:
    """Run a network beside ours with the same weights, in a process of its own.

    Args:
        target: the file, and the class or function in it.
        text: what to run; None for random tokens.
        config: as for `resolve`; a class is called with it.
        set_values: likewise.
        tied: likewise.
        config_given: whether the config was asked for; where not, a function's sizes are read off its parameters.
        allow_special: read ``<|endoftext|>`` as the special token.
        seed: of the weights it draws, and of random tokens.
        force: run even if the memory seems too small.
        limit: seconds that it may take, or None.
        waiting: entered while it runs.

    Raises:
        InputError: the text or the config cannot be used, or their code cannot be run.
        GptcliError: it was not done in time, or takes too much memory.
    """
    resolved = resolve(config, set_values, tied) if config_given else None

    def asked(is_class: bool) -> ResolvedConfig | None:
        return resolved or (resolve(config, set_values, tied) if is_class else None)

    def encode(model: ModelConfig) -> list[int]:
        assert text is not None
        return encode_batch([text], model, allow_special=allow_special, names=["the text"])[0]

    if resolved is not None and text is not None:
        encode(resolved.config)  # refuses a text that the model cannot take before their file is run

    def judge() -> CheckReport:
        from gptcli.model.check.run import CheckRequest, run_check

        request = CheckRequest(
            config=asked,
            set_values=tuple(set_values),
            tied=tied,
            seed=seed,
            encode=None if text is None else encode,
            network_of=network_of,
            admit=(lambda _network: None) if force else refuse_too_large_twice,
        )
        return run_check(target, request)

    return checked_apart(str(target), judge, limit, waiting or nullcontext())
