"""How a family names its weights."""

from collections.abc import Mapping

from msgspec import Struct

LAYERS = "h"  # ours: what the layers are called

# What older versions of transformers kept beside the weights: masks, and the frequencies of rotation.
_BUFFERS = (".rotary_emb.inv_freq", ".attn.bias", ".masked_bias", ".attention.bias", ".causal_mask")


class Family(Struct, frozen=True, kw_only=True):
    """Names of one ``model_type``.

    Attributes:
        inside: of what stands in a layer: ours -> theirs.
        outside: of the rest.
        layers: their layers, with ``{i}``.
        prefix: before every name but the head's.
        prefixes: what may stand there instead.
        transposed: whether the linear layers of a block lie as (in, out).
        buffers: ends of names that are skipped.
        beside: beginnings of names of what is not run.
    """

    inside: Mapping[str, str]
    outside: Mapping[str, str]
    layers: str = "layers.{i}"
    prefix: str = "model."
    prefixes: tuple[str, ...] = ()
    transposed: bool = False
    buffers: tuple[str, ...] = _BUFFERS
    beside: tuple[str, ...] = ()
