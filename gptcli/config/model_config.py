"""The description of a model that a person writes: fourteen keys at most, validated, immutable."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

# Wide enough for models of ten trillion parameters in any proportion (12 * L * C**2 at the width of GPT-2 124M takes
# 1.4 million layers), narrow enough to catch a slipped key.
MAX_SIZE = 2**24

LONGEST_NAME = 80
UNNAMED = "unnamed"

Size = Annotated[int, Meta(ge=1, le=MAX_SIZE)]
InitScheme = Literal["torch", "gpt2"]
Norm = Literal["layer_norm", "rms_norm"]
Activation = Literal["gelu_tanh", "gelu"]


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A GPT-2-style network, by the keys of the lecture and seven of ours.

    Sizes are counts. ``emb_dim`` is divisible by ``n_heads`` and ``name`` is printable (`str.isprintable`), which
    `gptcli.config.load` checks together with everything that an annotation cannot say.
    """

    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)] = UNNAMED
    vocab_size: Annotated[Size, Meta(description="vocabulary entries, V")]
    context_length: Annotated[Size, Meta(description="longest sequence, one learned position each")]
    emb_dim: Annotated[Size, Meta(description="embedding width, C")]
    n_heads: Annotated[Size, Meta(description="attention heads, H; divides emb_dim")]
    n_layers: Annotated[Size, Meta(description="transformer blocks, L")]
    drop_rate: Annotated[float, Meta(ge=0, lt=1, description="dropout probability while training")] = 0.0
    qkv_bias: Annotated[bool, Meta(description="bias on the query, key and value projections")] = False
    bias: Annotated[bool, Meta(description="bias on the other linear layers and on layer norms")] = True
    activation: Annotated[Activation, Meta(description="GELU: its tanh form, or the exact one")] = "gelu_tanh"
    weight_tying: Annotated[bool, Meta(description="the output head is the token embedding")] = False
    norm: Annotated[Norm, Meta(description="the norm: layer norm, or RMSNorm, which has no bias")] = "layer_norm"
    norm_eps: Annotated[float, Meta(gt=0, le=1, description="added under the root in every norm")] = 1e-5
    init: Annotated[InitScheme, Meta(description="how random weights are drawn")] = "torch"


KEYS = ModelConfig.__struct_fields__
