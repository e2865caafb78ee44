"""StableLM (Stability AI 2023): layer norms, gates, a quarter of each head rotated."""

from gptcli.config.dialects.huggingface._family import Family, reads
from gptcli.config.dialects.huggingface._readings import activation, biases, dropout, heads
from gptcli.config.dialects.huggingface._rope import rope
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families._llama_like import SIZES


@reads("qk_layernorm")
def qk_norm(has: Settings) -> dict[str, object]:
    """Each head of queries and keys may have a norm of its own."""
    return {"qk_norm": "each_head", "qk_norm_bias": False} if has.flag("qk_layernorm") else {}


@reads("use_parallel_residual")
def wiring(has: Settings) -> dict[str, object]:
    """Branches stand beside each other and share a norm, or after one another."""
    return {"norm_position": "parallel" if has.flag("use_parallel_residual") else "pre"}


FAMILY = Family(
    keys={**SIZES, "layer_norm_eps": "norm_eps"},
    readings=(
        heads(),
        qk_norm,
        wiring,
        biases(qkv="use_qkv_bias"),
        activation("hidden_act"),
        dropout("hidden_dropout", attention="attention_dropout"),
        rope(fraction=0.25, odd=False),
    ),
    implied={"gated": True, "bias": False, "qkv_bias": False, "norm_bias": True, "init": "gpt2"},
)
