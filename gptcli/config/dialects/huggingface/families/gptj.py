"""GPT-J (Wang and Komatsuzaki 2021): branches beside each other, a part of each head rotated, a biased head."""

from gptcli.config.dialects.huggingface._family import but, reads
from gptcli.config.dialects.huggingface._rope import share
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families._gpt2_like import GPT2_LIKE


@reads("rotary_dim", "n_embd", "n_head")
def rotation(has: Settings) -> dict[str, object]:
    """A number of each head's width is rotated, neighbours together."""
    width = has.whole("n_embd") // max(has.whole("n_head"), 1)
    rotated = has.maybe_whole("rotary_dim")
    if rotated is None or not 0 < rotated <= width or rotated % 2:
        raise has.refused("rotary_dim", f"but a head is {width} wide; write an even number up to that")
    return {"positions": "rotary", "rope_fraction": share(rotated, width), "rope_interleaved": True}


FAMILY = but(
    GPT2_LIKE,
    rotation,
    implied={"qkv_bias": False, "out_bias": False, "norm_position": "parallel", "head_bias": True},
)
