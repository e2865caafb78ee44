"""The config of stored weights with the options laid over it, where the two do not contradict each other."""

from collections.abc import Sequence

from msgspec.structs import replace

from gptcli.checkpoints import Recognised
from gptcli.checkpoints.infer import GUESSED
from gptcli.config import ResolvedConfig, lay_over
from gptcli.config.printable import printable
from gptcli.errors import InputProblemsError


def as_asked(
    recognised: Recognised,
    *,
    set_values: Sequence[str] = (),
    tied: bool | None = None,
    config: ResolvedConfig | None = None,
) -> Recognised:
    """Return a checkpoint with the config that options ask for, where they do not contradict what is stored.

    Raises:
        InputProblemsError: they do; each contradiction names both sides.
    """
    if recognised.network is None or recognised.config is None:
        return recognised
    place = f"--weights {printable(str(recognised.opened.path))}"
    asked = config or lay_over(recognised.config, place, set_values=set_values, flags={"weight_tying": tied})
    problems = _contradictions(asked, place, recognised)
    if problems:
        raise InputProblemsError(problems)
    findings = recognised.findings
    confirmed = [kind for kind, key in GUESSED.items() if asked.sources[key] != place]
    findings = [finding for finding in findings if finding.kind not in confirmed]
    return replace(recognised, network=recognised.network.of(asked.config), findings=findings)


# What the tensors of a checkpoint say by being there and by their shapes.
_STORED = ("vocab_size", "context_length", "emb_dim", "n_layers", "bias", "qkv_bias", "weight_tying", "n_heads", "norm")


def _contradictions(asked: ResolvedConfig, place: str, recognised: Recognised) -> list[str]:
    stored = recognised.config
    open_keys = {GUESSED.get(finding.kind) for finding in recognised.findings}
    keys = [key for key in _STORED if key not in open_keys]
    differing = [
        (key, *(_word(getattr(each, key)) for each in (asked.config, stored)))
        for key in keys
        if getattr(asked.config, key) != getattr(stored, key)
    ]
    return [
        f"{asked.sources[key]}: {key} is {ours}, but {place} has {theirs}; {_way_out(asked.sources[key])}"
        for key, ours, theirs in differing
    ]


def _way_out(source: str) -> str:
    """Say how to take back what a flag, a variable or a config says."""
    if source.startswith("--"):
        return "leave it out"
    return "unset it" if source.startswith("GPTCLI_") else "leave out --config"


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
