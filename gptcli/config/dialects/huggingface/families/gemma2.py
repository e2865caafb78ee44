"""Gemma 2 (Gemma Team 2024): norms before and after each branch, caps, every other layer local."""

from gptcli.config.dialects.huggingface._family import but, reads
from gptcli.config.dialects.huggingface._layers import windows
from gptcli.config.dialects.huggingface._readings import activation, softcaps
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families.gemma import FAMILY as GEMMA


@reads("query_pre_attn_scalar")
def scale(has: Settings) -> dict[str, object]:
    """Scores are divided by the root of a number that need not be a head's width."""
    number = has.number("query_pre_attn_scalar")
    if number <= 0:
        raise has.refused("query_pre_attn_scalar", "but it has a root; write a number above 0")
    return {"attention_scale": number**-0.5}


FAMILY = but(
    GEMMA,
    activation("hidden_activation"),
    softcaps(),
    scale,
    windows("LF"),
    without=("hidden_act",),
    implied={"norm_position": "sandwich"},
)
