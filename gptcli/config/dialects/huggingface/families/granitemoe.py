"""Granite's mixtures of experts: its multipliers, softmax over the chosen."""

from gptcli.config.dialects.huggingface._experts import counts
from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface.families._llama_like import ATTENTION_BIAS, LLAMA_LIKE
from gptcli.config.dialects.huggingface.families.granite import MULTIPLIERS, logits

FAMILY = but(
    LLAMA_LIKE,
    ATTENTION_BIAS,
    logits,
    counts("num_local_experts"),
    keys=MULTIPLIERS,
    implied={"router": "softmax_chosen"},
)
