"""Phi-1, 1.5 and 2 (Gunasekar et al. 2023): both branches beside each other, biases everywhere."""

from gptcli.config.dialects.huggingface._family import Family, reads
from gptcli.config.dialects.huggingface._readings import activation, dropout, head_width, heads
from gptcli.config.dialects.huggingface._rope import rope
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families._llama_like import SIZES


@reads("qk_layernorm")
def qk_norm(has: Settings) -> dict[str, object]:
    """Queries and keys may be normed over a head."""
    return {"qk_norm": "head"} if has.flag("qk_layernorm") else {}


FAMILY = Family(
    keys={**SIZES, "layer_norm_eps": "norm_eps"},
    readings=(
        heads(),
        head_width,
        qk_norm,
        activation("hidden_act"),
        dropout("resid_pdrop", embedding="embd_pdrop", attention="attention_dropout"),
        rope(fraction=0.5, odd=False),
    ),
    implied={"bias": True, "qkv_bias": True, "norm_position": "parallel", "head_bias": True, "init": "gpt2"},
)
