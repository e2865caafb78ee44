"""Llama 4 (Meta 2025): chunks, every fourth layer without positions, scores that scale what an expert reads."""

from gptcli.config.dialects.huggingface._experts import counts, layers, numbers, word
from gptcli.config.dialects.huggingface._family import but, reads
from gptcli.config.dialects.huggingface._layers import CHUNKED, FULL, both, every_pattern, listed_pattern, no_rope
from gptcli.config.dialects.huggingface._rope import rope
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families._llama_like import ATTENTION_BIAS, LLAMA_LIKE
from gptcli.config.pattern import CHUNKS


@reads("layer_types", "attention_chunk_size", "no_rope_layers", "no_rope_layer_interval", "num_hidden_layers")
def looks(has: Settings) -> dict[str, object]:
    """Layers with positions look over a chunk, others over all, where layer_types does not say otherwise."""
    rotated = no_rope(has, rotated="C")
    kinds = listed_pattern(has, "layer_types", {FULL: "F", CHUNKED: "C"})
    pattern = rotated if kinds is None else both(has, rotated, kinds)
    chunk = has.maybe_whole("attention_chunk_size")
    if not CHUNKS & set(pattern):
        return {"layer_pattern": pattern}
    if chunk is None:
        raise has.refused("attention_chunk_size", "but there are chunked layers; write their chunk")
    return {"layer_pattern": pattern, "attention_chunk": chunk}


@reads("attn_temperature_tuning", "floor_scale", "attn_scale")
def temperature(has: Settings) -> dict[str, object]:
    """Layers without positions scale their queries by how far they see; the first files say how with a number."""
    if not has.value("attn_temperature_tuning"):
        return {}
    return {"temperature_floor": has.entry("floor_scale"), "temperature_scale": has.entry("attn_scale")}


@reads("use_qk_norm")
def qk_norm(has: Settings) -> dict[str, object]:
    """Rotated queries and keys are normed, without weights."""
    return {"qk_norm": "unscaled", "qk_norm_after_rope": True} if has.flag("use_qk_norm") else {}


@reads("intermediate_size", "intermediate_size_mlp")
def widths(has: Settings) -> dict[str, object]:
    """Experts and the shared one are of one width, dense layers of another."""
    experts, dense = has.entry("intermediate_size"), has.entry("intermediate_size_mlp")
    return {"moe_hidden_dim": experts, "shared_hidden_dim": experts, "hidden_dim": dense}


@reads("moe_layers", "interleave_moe_layer_step", "num_hidden_layers")
def sparse(has: Settings) -> dict[str, object]:
    """A list of layers has experts, or every so many-th."""
    if has.listed("moe_layers") is None:
        step = has.whole("interleave_moe_layer_step")
        if step < 1:
            raise has.refused("interleave_moe_layer_step", "but every so many-th layer has experts; write 1 or more")
        return {"expert_pattern": every_pattern(step, "D", "E")}
    chosen = numbers(has, "moe_layers")
    return {"expert_pattern": word(has, [i in chosen for i in layers(has)])}


FAMILY = but(
    LLAMA_LIKE,
    ATTENTION_BIAS,
    rope(5e5),
    looks,
    temperature,
    qk_norm,
    widths,
    sparse,
    counts("num_local_experts"),
    without=("intermediate_size",),
    implied={"rope_interleaved": True, "router": "sigmoid_input"},
    nothing=frozenset({"router_jitter_noise"}),  # no code reads it
)
