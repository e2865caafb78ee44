"""ERNIE 4.5's mixtures of experts: a correction of the choice that is a parameter, experts in some layers."""

from gptcli.config.dialects.huggingface._experts import counts, layers, shared, word
from gptcli.config.dialects.huggingface._family import but, reads
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families.ernie4_5 import FAMILY as ERNIE


@reads("moe_layer_interval", "moe_layer_start_index", "moe_layer_end_index", "num_hidden_layers")
def sparse(has: Settings) -> dict[str, object]:
    """Every so many-th layer between two has experts."""
    every, first = has.whole("moe_layer_interval"), has.whole("moe_layer_start_index")
    last = has.whole("moe_layer_end_index")
    if every < 1:
        raise has.refused("moe_layer_interval", "but every so many-th layer has experts; write a number from 1")
    last = has.whole("num_hidden_layers") - 1 if last == -1 else last
    return {"expert_pattern": word(has, [(i + 1) % every == 0 and first <= i <= last for i in layers(has)])}


@reads("use_bias")
def biases(has: Settings) -> dict[str, object]:
    """All linear layers have biases, the head too, or none."""
    return dict.fromkeys(("qkv_bias", "out_bias", "mlp_bias", "head_bias"), has.flag("use_bias"))


FAMILY = but(
    ERNIE,
    biases,
    counts("moe_num_experts", "moe_k"),
    shared("moe_num_shared_experts"),
    sparse,
    keys={"moe_intermediate_size": "moe_hidden_dim"},
    implied={"router": "softmax", "router_renormalize": True, "router_correction": "parameter"},
    nothing=frozenset({"moe_norm_min"}),  # what a sum of shares is at least; it never comes near
)
