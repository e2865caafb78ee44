"""Qwen1.5-MoE and Qwen2-MoE: many narrow experts, and one with a gate that every token visits."""

from gptcli.config.dialects.huggingface._experts import counts, dense_some, layers, renormalized
from gptcli.config.dialects.huggingface._family import but, reads
from gptcli.config.dialects.huggingface._layers import FULL, SLIDING, listed_pattern, windowed
from gptcli.config.dialects.huggingface._readings import biases
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families._llama_like import LLAMA_LIKE
from gptcli.config.pattern import shortened


@reads("layer_types", "sliding_window", "use_sliding_window", "max_window_layers", "num_hidden_layers")
def windows(has: Settings) -> dict[str, object]:
    """Every other layer below ``max_window_layers`` is local, where ``use_sliding_window`` says so."""
    local = has.flag("use_sliding_window")
    word = listed_pattern(has, "layer_types", {FULL: "F", SLIDING: "L"})
    if word is None and local:
        first = has.whole("max_window_layers")
        word = shortened("".join("L" if i % 2 == 0 and i < first else "F" for i in layers(has)))
    return windowed(has, word or "F", has.maybe_whole("sliding_window") if local else None)


FAMILY = but(
    LLAMA_LIKE,
    windows,
    biases(qkv="qkv_bias"),
    counts(),
    dense_some,
    renormalized,
    keys={"moe_intermediate_size": "moe_hidden_dim", "shared_expert_intermediate_size": "shared_hidden_dim"},
    implied={"router": "softmax", "shared_gate": True},
)
