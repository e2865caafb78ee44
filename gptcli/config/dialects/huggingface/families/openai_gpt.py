"""GPT (Radford et al. 2018): norms after the sums, none at the end."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface._readings import activation
from gptcli.config.dialects.huggingface.families._gpt2_like import GPT2_LIKE

_MEANINGS = {"gelu": "gelu_tanh", "relu": "relu", "silu": "silu", "swish": "silu"}
FAMILY = but(
    GPT2_LIKE,
    activation("afn", _MEANINGS),
    without=("activation_function", "n_inner"),
    implied={"norm_position": "post", "final_norm": False},
)
