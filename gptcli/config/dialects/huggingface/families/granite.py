"""Granite: Llama with multipliers of embedding, branches, scores and logits."""

from gptcli.config.dialects.huggingface._family import but, reads
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families.llama import FAMILY as LLAMA


@reads("logits_scaling")
def logits(has: Settings) -> dict[str, object]:
    """Logits are divided by it."""
    number = has.number("logits_scaling")
    if number <= 0:
        raise has.refused("logits_scaling", "but logits are divided by it; write a number above 0")
    return {"logit_scale": 1 / number}


MULTIPLIERS = {
    "embedding_multiplier": "embedding_scale",
    "residual_multiplier": "residual_scale",
    "attention_multiplier": "attention_scale",
}
FAMILY = but(LLAMA, logits, keys=MULTIPLIERS)
