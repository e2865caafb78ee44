"""Phi-3 and Phi-4: fused projections, longrope."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface._layers import one_window
from gptcli.config.dialects.huggingface._readings import dropout
from gptcli.config.dialects.huggingface._rope import rope
from gptcli.config.dialects.huggingface.families._llama_like import LLAMA_LIKE

FAMILY = but(
    LLAMA_LIKE,
    one_window(),
    dropout("resid_pdrop", attention="attention_dropout"),
    rope(fraction=1.0, spellings={"su": "longrope", "yarn": "longrope"}),
    without=("attention_dropout",),
    implied={"family": "phi3"},
    nothing=frozenset({"embd_pdrop"}),  # its module is made and never called
)
