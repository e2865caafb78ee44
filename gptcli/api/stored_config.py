"""The config of stored weights with the options laid over it, where the two do not contradict each other."""

from collections.abc import Sequence

from msgspec.structs import replace

from gptcli.architecture import Network, each_buffer, each_weight, shape_sizes
from gptcli.checkpoints import Recognised
from gptcli.checkpoints.infer import GUESSED
from gptcli.config import KEYS, ModelConfig, ResolvedConfig, lay_over
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


# What a checkpoint says, whether the shapes of its tensors tell or not.
_STORED = ("vocab_size", "emb_dim", "n_layers", "bias", "qkv_bias", "weight_tying", "n_heads", "norm")


def _contradictions(asked: ResolvedConfig, place: str, recognised: Recognised) -> list[str]:
    stored, network = recognised.config, recognised.network
    assert stored is not None
    assert network is not None
    open_keys = {GUESSED.get(finding.kind) for finding in recognised.findings}
    changed = [key for key in KEYS if getattr(asked.config, key) != getattr(stored, key) and key not in open_keys]
    differing = [
        (key, *(_word(getattr(each, key)) for each in (asked.config, stored)))
        for key in changed
        if key in _STORED or _has_other_weights(key, asked.config, network)
    ]
    return [
        f"{asked.sources[key]}: {key} is {ours}, but {place} has {theirs}; {_way_out(asked.sources[key])}"
        for key, ours, theirs in differing
    ]


def _has_other_weights(key: str, asked: ModelConfig, network: Network) -> bool:
    """Return whether the stored model would have other weights with what is asked of one key."""
    return _shapes(network.of(replace(network.config, **{key: getattr(asked, key)}))) != _shapes(network)


def _shapes(network: Network) -> dict[str, tuple[int, ...]]:
    """Return the shape of every weight and buffer, by path."""
    listed = [*each_weight(network, network.sizes), *each_buffer(network)]
    return {each.path: shape_sizes(each.shape, network.sizes) for each in listed}


def _way_out(source: str) -> str:
    """Say how to take back what a flag, a variable or a config says."""
    if source.startswith("--"):
        return "leave it out"
    return "unset it" if source.startswith("GPTCLI_") else "leave out --config"


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
