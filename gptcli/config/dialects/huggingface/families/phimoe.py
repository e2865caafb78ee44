"""Phi-3.5-MoE (Abdin et al. 2024): layer norms, two of 16 experts chosen by sparsemixer."""

from gptcli.config.dialects.huggingface._experts import counts
from gptcli.config.dialects.huggingface._family import but, reads
from gptcli.config.dialects.huggingface._layers import one_window
from gptcli.config.dialects.huggingface._rope import rope
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families._llama_like import ATTENTION_BIAS, LLAMA_LIKE

_PLAIN = rope(1e6, also=frozenset({"short_mscale", "long_mscale"}))


@reads(*_PLAIN.keys)
def rotation(has: Settings) -> dict[str, object]:
    """Longrope takes the short factors at any length, and scales of its own in place of the implied one."""
    found = dict(_PLAIN.read(has))
    kind = found.get("rope_scaling")
    if kind is None:
        return found
    key = "rope_scaling" if has.gives("rope_scaling") and has.value("rope_scaling") else "rope_parameters"
    if kind != "longrope":
        raise has.refused(key, f"but gptcli scales this family by longrope alone, not by {kind}")
    said = has.mapping(key) or {}
    short, long = said.get("short_mscale"), said.get("long_mscale")
    if not isinstance(short, int | float) or short != long:
        raise has.refused(
            key, "but gptcli has one scale for short and long texts; make short_mscale and long_mscale equal"
        )
    return found | {"rope_attention_factor": short, "rope_long_factors": found["rope_short_factors"]}


@reads("num_experts_per_tok")
def two(has: Settings) -> dict[str, object]:
    """Sparsemixer chooses two."""
    if has.whole("num_experts_per_tok") != 2:
        raise has.refused("num_experts_per_tok", "but sparsemixer chooses 2; write 2")
    return {}


FAMILY = but(
    LLAMA_LIKE,
    ATTENTION_BIAS,
    one_window(),
    rotation,
    counts("num_local_experts"),
    two,
    keys={"router_jitter_noise": "router_jitter", "lm_head_bias": "head_bias"},
    implied={"norm": "layer_norm", "norm_bias": True, "router": "sparsemixer"},
    nothing=frozenset({"input_jitter_noise"}),  # noise while training
)
