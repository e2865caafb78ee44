"""Gemma (Gemma Team 2024): norms multiply with 1 + weight, the embedding is scaled."""

from gptcli.config.dialects.huggingface._family import but, reads
from gptcli.config.dialects.huggingface._readings import ACTIVATIONS, activation
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families._llama_like import ATTENTION_BIAS, LLAMA_LIKE


@reads("hidden_size")
def root_of_width(has: Settings) -> dict[str, object]:
    """The embedding is multiplied with the root of its width."""
    return {"embedding_scale": max(has.whole("hidden_size"), 0) ** 0.5 or 1.0}


# The first releases say gelu and mean its tanh form.
FAMILY = but(
    LLAMA_LIKE,
    ATTENTION_BIAS,
    root_of_width,
    activation("hidden_act", {**ACTIVATIONS, "gelu": "gelu_tanh"}),
    implied={"norm_scale": "one_plus_weight"},
    instead={"use_bidirectional_attention": "but gptcli's tokens attend to earlier ones alone; write false"},
)
