"""GPT-NeoX and Pythia (Black et al. 2022): both branches beside each other, each with its norm."""

from gptcli.config.dialects.huggingface._family import Family, reads
from gptcli.config.dialects.huggingface._readings import activation, biases, dropout
from gptcli.config.dialects.huggingface._rope import rope
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families._llama_like import SIZES


@reads("use_parallel_residual")
def wiring(has: Settings) -> dict[str, object]:
    """Branches stand beside each other, or after one another."""
    return {"norm_position": "parallel_two" if has.flag("use_parallel_residual") else "pre"}


FAMILY = Family(
    keys={**SIZES, "layer_norm_eps": "norm_eps"},
    readings=(
        activation("hidden_act"),
        dropout("hidden_dropout", embedding="hidden_dropout", attention="attention_dropout"),
        rope(fraction=0.25, base_key="rotary_emb_base", fraction_key="rotary_pct"),
        wiring,
        biases(qkv="attention_bias", out="attention_bias"),
    ),
    implied={
        "bias": True,
        "mlp_bias": True,
        "out_bias": False,
        "qkv_bias": False,
        "init": "gpt2",
        "family": "gpt_neox",
    },
)
