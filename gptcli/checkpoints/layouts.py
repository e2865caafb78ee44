"""The layouts in which GPT-2's weights are stored: one row each.

A layout gives other names to the described modules, may lay matrices the other way round, and may keep the rows of one
weight in several tensors. Which weights there are, and of what shape, is said by `gptcli.architecture` alone.
"""

from collections.abc import Mapping
from functools import cache

from msgspec import Struct
from msgspec.structs import replace

from gptcli.architecture import Shape, reference
from gptcli.architecture.listing import parts_of
from gptcli.architecture.network import INDEX
from gptcli.architecture.parts.linear import Linear
from gptcli.architecture.parts.part import Family
from gptcli.architecture.roles import HEAD, Role
from gptcli.config import ModelConfig
from gptcli.config.entries import OUR_DIALECT

# What training wrappers put before every name: torch.compile, DataParallel and DistributedDataParallel.
WRAPPERS = ("_orig_mod.", "module.")


class Place(Struct, frozen=True, kw_only=True):
    """Where a described weight, or some of its rows, is stored; and what is described of it.

    Attributes:
        path: the weight, with ``{i}`` where it stands in every block.
        part: which of the equal portions of its rows.
        parts: how many portions there are.
        transposed: whether it is stored as (in, out).
        name: of the weight within its part of the network: ``weight`` or ``bias``.
        shape: of the whole weight, symbolic, in torch's order.
        role: of its part of the network.
        family: likewise.
        stacked: how many projections its rows are made of: three where query, key and value are one weight.
    """

    path: str
    part: int
    parts: int
    transposed: bool
    name: str
    shape: Shape
    role: Role | None
    family: Family
    stacked: int


class Layout(Struct, frozen=True, kw_only=True):
    """How one program stores GPT-2.

    Attributes:
        name: what people type after ``--to``.
        label: what people read.
        prefix: stands before every name but the head's.
        modules: stored names of the modules that are called otherwise than described; several where rows are apart.
        norm_names: stored names of a norm's weight and bias.
        transposed: whether the linear layers of a block are stored as (in, out).
        buffers: names that belong to no parameter and are skipped.
        fixed: what the layout's own program computes whatever its config says.
        one_bias: whether all biases are there or none is.
        stores_tied_head: whether a tied head is stored a second time.
        mask: the buffer with the causal mask that its program's state_dict has in every block, or None.
        settings_key: the key under which a pickle holds the model's settings, if it does.
        dialect: whose keys the settings beside its weights are in, or None where its program keeps none.
    """

    name: str
    label: str
    prefix: str = ""
    modules: Mapping[str, tuple[str, ...]] = {}
    norm_names: Mapping[str, str] = {}
    transposed: bool = False
    buffers: tuple[str, ...] = ()
    fixed: Mapping[str, object] = {}
    one_bias: bool = False
    stores_tied_head: bool = False
    mask: str | None = None
    settings_key: str | None = None
    dialect: str | None = None

    def places(self) -> dict[str, Place]:
        """Return by stored name, without prefix and with ``{i}`` for the block, which weight it holds."""
        return _places(self.name)

    def names(self) -> dict[str, tuple[str, ...]]:
        """Return the stored names of each described weight, with prefix and ``{i}``."""
        found: dict[str, tuple[str, ...]] = {}
        for name, place in self.places().items():
            prefix = "" if place.role == HEAD else self.prefix
            found[place.path] = (*found.get(place.path, ()), prefix + name)
        return found

    def as_computed(self, config: ModelConfig) -> ModelConfig:
        """Return the model as the layout's own program runs it."""
        found = replace(config, **self.fixed)
        return replace(found, qkv_bias=found.bias) if self.one_bias else found


_LECTURE_BLOCK = f"trf_blocks.{INDEX}"
_LECTURE_MASK = f"{_LECTURE_BLOCK}.att.mask"
_BLOCK = f"h.{INDEX}"

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout(
            name="huggingface",
            label="Hugging Face (transformers)",
            prefix="transformer.",
            transposed=True,
            buffers=(f"{_BLOCK}.attn.bias", f"{_BLOCK}.attn.masked_bias"),
            fixed={"norm": "layer_norm", "bias": True, "qkv_bias": True},
            dialect="Hugging Face",
        ),
        Layout(
            name="lecture",
            label="the lecture's GPTModel",
            modules={
                "wte": ("tok_emb",),
                "wpe": ("pos_emb",),
                f"{_BLOCK}.ln_1": (f"{_LECTURE_BLOCK}.norm1",),
                f"{_BLOCK}.attn.c_attn": tuple(f"{_LECTURE_BLOCK}.att.W_{part}" for part in ("query", "key", "value")),
                f"{_BLOCK}.attn.c_proj": (f"{_LECTURE_BLOCK}.att.out_proj",),
                f"{_BLOCK}.ln_2": (f"{_LECTURE_BLOCK}.norm2",),
                f"{_BLOCK}.mlp.c_fc": (f"{_LECTURE_BLOCK}.ff.layers.0",),
                f"{_BLOCK}.mlp.c_proj": (f"{_LECTURE_BLOCK}.ff.layers.2",),
                "ln_f": ("final_norm",),
                "lm_head": ("out_head",),
            },
            norm_names={"weight": "scale", "bias": "shift"},
            buffers=(_LECTURE_MASK,),
            stores_tied_head=True,
            mask=_LECTURE_MASK,
            fixed={
                "norm": "layer_norm",
                "bias": True,
                "activation": "gelu_tanh",
                "norm_eps": 1e-5,
                "weight_tying": False,
            },
        ),
        Layout(
            name="nanogpt",
            label="nanoGPT",
            prefix="transformer.",
            buffers=(f"{_BLOCK}.attn.bias",),
            fixed={"norm": "layer_norm", "activation": "gelu", "norm_eps": 1e-5, "weight_tying": True},
            one_bias=True,
            stores_tied_head=True,
            settings_key="model_args",
            dialect="nanoGPT",
        ),
        Layout(name="gptcli", label="gptcli's own", dialect=OUR_DIALECT),
    )
}


@cache
def _places(layout_name: str) -> dict[str, Place]:
    """Put the layout's names to every weight that a described network can have."""
    layout = LAYOUTS[layout_name]
    found: dict[str, Place] = {}
    for place, node in parts_of(reference()):
        path = place.path
        stored = layout.modules.get(path, (path,))
        norm_names = layout.norm_names if node.family == "norm" else {}
        for name, shape in node.weights().items():
            turned = layout.transposed and place.kind is not None and node.family == "linear" and len(shape) > 1
            for part, module in enumerate(stored):
                found[f"{module}.{norm_names.get(name, name)}"] = Place(
                    path=f"{path}.{name}",
                    part=part,
                    parts=len(stored),
                    transposed=turned,
                    name=name,
                    shape=shape,
                    role=node.role,
                    family=node.family,
                    stacked=len(node.outputs) if isinstance(node, Linear) else 1,
                )
    return found


def split_index(name: str) -> tuple[str, int | None]:
    """``trf_blocks.3.ff.layers.0.weight`` -> the name with ``{i}`` for its first number, and that number."""
    pieces = name.split(".")
    for position, piece in enumerate(pieces):
        if piece.isascii() and piece.isdecimal() and len(piece) < _LONGEST_INDEX:
            return ".".join([*pieces[:position], INDEX, *pieces[position + 1 :]]), int(piece)
    return name, None


_LONGEST_INDEX = 9
