"""MiniMax-M2 (MiniMax 2025): sigmoid scores with a correction, queries and keys normed over their full width."""

from gptcli.config.dialects.huggingface._experts import SIGMOID, counts
from gptcli.config.dialects.huggingface._family import but, reads
from gptcli.config.dialects.huggingface._rope import rope, whole_pairs
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families._llama_like import LLAMA_LIKE

_PLAIN = rope(5e6, fraction=1.0)


@reads("rope_parameters", "rotary_dim", "head_dim", *_PLAIN.keys[1:])
def rotation(has: Settings) -> dict[str, object]:
    """Older files say in ``rotary_dim`` how much of a head is rotated."""
    found = dict(_PLAIN.read(has))
    told = (has.mapping("rope_scaling") if has.gives("rope_scaling") else None) or has.mapping("rope_parameters") or {}
    rotated = has.maybe_whole("rotary_dim") if has.gives("rotary_dim") else None
    if rotated is None or has.gives("partial_rotary_factor") or "partial_rotary_factor" in told:
        return found
    width = has.whole("head_dim")
    if not 0 < rotated <= width:
        raise has.refused("rotary_dim", f"but a head is {width} wide; write a number up to that")
    return whole_pairs(has, "rotary_dim", found | {"rope_fraction": rotated / width})


FAMILY = but(
    LLAMA_LIKE,
    rotation,
    counts("num_local_experts"),
    implied={"qk_norm": "full", "router_renormalize": True, **SIGMOID},
    nothing=frozenset({"router_jitter_noise"}),  # noise while training
)
