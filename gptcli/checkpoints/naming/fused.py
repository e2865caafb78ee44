"""Weights that people fuse, or leave apart, where transformers does the opposite."""

from msgspec.structs import replace

from gptcli.architecture.network import INDEX
from gptcli.checkpoints.layouts import Layout
from gptcli.checkpoints.naming.family import LAYERS
from gptcli.checkpoints.pieces import Stored

_ALSO = {
    "attn.c_attn": (
        Stored(("self_attn.qkv_proj",)),
        Stored(("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")),
    ),
    "mlp.gate_proj": (Stored(("mlp.gate_up_proj",), order="first half"), Stored(("mlp.gate_proj",))),
    "mlp.up_proj": (Stored(("mlp.gate_up_proj",), order="second half"), Stored(("mlp.up_proj",))),
}


def fused_or_apart(layout: Layout) -> Layout:
    """Return a layout in which the pieces of a weight may also be stored in one tensor, or apart."""
    stored = dict(layout.stored)
    for ours, ways in _ALSO.items():
        path = f"{LAYERS}.{INDEX}.{ours}"
        if path in stored:
            before = _before(stored[path][0].names[0])
            more = (replace(way, names=tuple(before + name for name in way.names)) for way in ways)
            stored[path] = (*stored[path], *(way for way in more if way not in stored[path]))
    return replace(layout, stored=stored)


def _before(name: str) -> str:
    """``layers.{i}.self_attn.q_proj`` -> ``layers.{i}.``."""
    return name[: name.index(INDEX) + len(INDEX) + 1]
