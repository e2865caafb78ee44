"""Helium: neighbours are rotated together; heads fill the embedding's width."""

from gptcli.config.dialects.huggingface._family import but, reads
from gptcli.config.dialects.huggingface._readings import biases
from gptcli.config.dialects.huggingface._rope import rope
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families._llama_like import LLAMA_LIKE


@reads("head_dim", "hidden_size", "num_attention_heads")
def whole_width(has: Settings) -> dict[str, object]:
    """The output projection takes the embedding's width, so heads must fill it."""
    width, heads = has.whole("hidden_size"), has.whole("num_attention_heads")
    if has.whole("head_dim") * heads != width:
        raise has.refused("head_dim", f"but {heads} heads of it do not fill hidden_size {width}, as Helium's must")
    return {"head_dim": has.whole("head_dim")}


FAMILY = but(
    LLAMA_LIKE,
    biases(qkv="attention_bias", mlp="mlp_bias"),
    rope(1e5),
    whole_width,
    implied={"rope_interleaved": True},
)
