"""Layouts in which weights are stored. GPT-2's are a row each here; later families' are in `gptcli.checkpoints.naming`.

A layout gives other names to the described modules, may lay matrices the other way round, and may keep the rows of one
weight in several tensors. Which weights there are, and of what shape, is said by `gptcli.architecture` alone.
"""

from collections.abc import Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from gptcli.architecture import Network, Part, reference
from gptcli.architecture.listing import parts_of
from gptcli.architecture.network import INDEX
from gptcli.architecture.parts.linear import Linear
from gptcli.architecture.roles import HEAD
from gptcli.checkpoints.pieces import EACH, Place, Stored
from gptcli.config import ModelConfig
from gptcli.config.entries import OUR_DIALECT


class Layout(Struct, frozen=True, kw_only=True):
    """How one program stores a network.

    Attributes:
        name: what people type after ``--to``; of a later family's, which is only read, ``huggingface-`` and the family.
        label: what people read.
        prefix: stands before every name but the head's.
        prefixes: what may stand there instead.
        modules: stored names of the modules that are called otherwise than described; several where rows are apart.
        stored: the same of modules, or of single weights, that are not stored plainly or not in one way alone.
        transposed: whether the linear layers of a block are stored as (in, out).
        buffers: names that belong to no parameter and are skipped.
        buffers_end: likewise, with any block and module before them.
        fixed: what the layout's own program computes whatever its config says.
        one_bias: whether all biases are there or none is.
        stores_tied_head: whether a tied head is stored a second time.
        mask: the buffer with the causal mask that its program's state_dict has in every block, or None.
        settings_key: the key under which a pickle holds the model's settings, if it does.
        dialect: whose keys the settings beside its weights are in, or None where its program keeps none.
        family: of networks, by ``model_type``, or "" for GPT-2.
        beside: what names begin with that belong to other networks in the same files, for images.
        shared: programs that have the same names and compute another activation; empty where there are none.
        with_own_head: the layout with the same names whose program does not tie the head, or "".
        read_only: whether nothing is written in it.
    """

    name: str
    label: str
    prefix: str = ""
    prefixes: tuple[str, ...] = ()
    modules: Mapping[str, tuple[str, ...]] = {}
    stored: Mapping[str, tuple[Stored, ...]] = {}
    transposed: bool = False
    buffers: tuple[str, ...] = ()
    buffers_end: tuple[str, ...] = ()
    fixed: Mapping[str, object] = {}
    one_bias: bool = False
    stores_tied_head: bool = False
    mask: str | None = None
    settings_key: str | None = None
    dialect: str | None = None
    family: str = ""
    beside: tuple[str, ...] = ()
    shared: str = ""
    with_own_head: str = ""
    read_only: bool = False

    def places(self, network: Network | None = None) -> dict[str, tuple[Place, ...]]:
        """Return by stored name, without prefix and with ``{i}`` for the block, which weights it holds.

        Args:
            network: whose weights; without one, those of every GPT-2.
        """
        found: dict[str, tuple[Place, ...]] = {}
        for name, place in self._each_place(network):
            found[name] = (*found.get(name, ()), place)
        return found

    def ways(self, network: Network | None = None) -> dict[str, dict[int, list[tuple[str, Place]]]]:
        """Return for each described weight, with ``{i}``, the ways in which it is stored."""
        found: dict[str, dict[int, list[tuple[str, Place]]]] = {}
        for name, place in self._each_place(network):
            prefix = "" if place.role == HEAD else self.prefix
            found.setdefault(place.path, {}).setdefault(place.spelling, []).append((prefix + name, place))
        return found

    def names(self, network: Network | None = None) -> dict[str, tuple[str, ...]]:
        """Return the usual stored names of each described weight, with prefix and ``{i}``."""
        return {path: tuple(name for name, _ in ways[0]) for path, ways in self.ways(network).items()}

    def bare(self, name: str) -> str:
        """Return a stored name without the prefix."""
        prefix = next((each for each in (*self.prefixes, self.prefix) if each and name.startswith(each)), "")
        return name.removeprefix(prefix)

    def _each_place(self, network: Network | None) -> Iterator[tuple[str, Place]]:
        """Yield each place once, though several kinds of layer have it."""
        networks = [*([] if self.family else [reference()]), *([network] if network is not None else [])]
        seen: set[tuple[str, str]] = set()
        for found, part in (each for one in networks for each in parts_of(one)):
            path = found.path if found.kind is None else found.path.replace(found.kind.index, INDEX, 1)
            for name, place in _places_of(self, path, part, inside=found.kind is not None):
                if (name, place.path) not in seen:
                    seen.add((name, place.path))
                    yield name, place

    def ways_of(self, path: str, part: Part, name: str, *, inside: bool) -> tuple[Stored, ...]:
        """Return the ways in which a weight is stored.

        Args:
            path: of its part, with ``{i}``.
            part: what it belongs to.
            name: of the weight.
            inside: whether the part stands in a block.
        """
        if f"{path}.{name}" in self.stored:
            return self.stored[f"{path}.{name}"]
        turned = self.transposed and inside and part.family == "linear" and name == "weight"
        ways = self.stored.get(path, (Stored(self.modules.get(path, (path,))),))
        return tuple(
            replace(way, names=tuple(f"{module}.{name}" for module in way.names), turned=turned) for way in ways
        )

    def as_computed(self, config: ModelConfig) -> ModelConfig:
        """Return the model as the layout's own program runs it."""
        found = replace(config, **self.fixed)
        return replace(found, qkv_bias=found.bias) if self.one_bias else found


HUGGING_FACE = "huggingface"
_LECTURE_BLOCK = f"trf_blocks.{INDEX}"
_LECTURE_MASK = f"{_LECTURE_BLOCK}.att.mask"
_BLOCK = f"h.{INDEX}"


def _lecture_norm(path: str, stored: str) -> dict[str, tuple[Stored, ...]]:
    """Return how the lecture stores a norm: its own class, or torch's nn.LayerNorm in the faster variants."""
    return {
        f"{path}.{name}": (Stored((f"{stored}.{own}",)), Stored((f"{stored}.{name}",)))
        for name, own in (("weight", "scale"), ("bias", "shift"))
    }


LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout(
            name=HUGGING_FACE,
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
                f"{_BLOCK}.mlp.c_fc": (f"{_LECTURE_BLOCK}.ff.layers.0",),
                f"{_BLOCK}.mlp.c_proj": (f"{_LECTURE_BLOCK}.ff.layers.2",),
                "lm_head": ("out_head",),
            },
            stored={
                # Apart as in the chapter, or fused as in his faster variants, and in those on other ways of attention.
                f"{_BLOCK}.attn.c_attn": (
                    Stored(tuple(f"{_LECTURE_BLOCK}.att.W_{part}" for part in ("query", "key", "value"))),
                    Stored((f"{_LECTURE_BLOCK}.att.qkv",)),
                ),
                f"{_BLOCK}.attn.c_proj": (
                    Stored((f"{_LECTURE_BLOCK}.att.out_proj",)),
                    Stored((f"{_LECTURE_BLOCK}.att.proj",)),
                ),
                **_lecture_norm(f"{_BLOCK}.ln_1", f"{_LECTURE_BLOCK}.norm1"),
                **_lecture_norm(f"{_BLOCK}.ln_2", f"{_LECTURE_BLOCK}.norm2"),
                **_lecture_norm("ln_f", "final_norm"),
            },
            buffers=(_LECTURE_MASK,),
            buffers_end=(".cache_k", ".cache_v", ".ptr_current_pos"),
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
            shared="build-nanogpt's, which computes the tanh form",
            with_own_head="mingpt",
        ),
        Layout(
            name="mingpt",
            label="minGPT",
            prefix="transformer.",
            buffers=(f"{_BLOCK}.attn.bias",),
            fixed={
                "norm": "layer_norm",
                "bias": True,
                "activation": "gelu_tanh",
                "norm_eps": 1e-5,
                "weight_tying": False,
            },
            shared="those of networks made from nanoGPT's with a head of their own, which may compute the exact form",
            read_only=True,
        ),
        Layout(name="gptcli", label="gptcli's own", dialect=OUR_DIALECT),
    )
}


def _places_of(layout: Layout, path: str, part: Part, *, inside: bool) -> Iterator[tuple[str, Place]]:
    """Yield the stored names of a part's weights, with their places."""
    outputs = part.outputs if isinstance(part, Linear) else ()
    shapes = {**part.weights(), **part.buffers()}
    if isinstance(part, Linear) and layout.family:
        shapes.setdefault("bias", (part.width,))  # to say of one that is stored that the config has none
    around_one = getattr(part, "scale", None) == "one_plus_weight"
    for name, shape in shapes.items():
        for spelling, way in enumerate(layout.ways_of(path, part, name, inside=inside)):
            for piece, stored in enumerate(way.names):
                yield (
                    stored,
                    Place(
                        path=f"{path}.{name}",
                        part=piece,
                        parts=len(way.names),
                        transposed=way.turned,
                        name=name,
                        shape=shape,
                        role=part.role,
                        family=part.family,
                        outputs=outputs,
                        spelling=spelling,
                        each=EACH in stored,
                        order=way.order,
                        buffer=name in part.buffers(),
                        untrained=1.0 if name == "weight" and not around_one else 0.0,
                    ),
                )


def written() -> dict[str, Layout]:
    """Return the layouts that something can be written in, by name."""
    return {name: layout for name, layout in LAYOUTS.items() if not layout.read_only}


def label_of(name: str) -> str:
    """Return what people read of a layout, by its name."""
    if name in LAYOUTS:
        return LAYOUTS[name].label
    return f"{LAYOUTS[HUGGING_FACE].label}, {name.removeprefix(f'{HUGGING_FACE}-')}"


def split_index(name: str) -> tuple[str, int | None]:
    """``trf_blocks.3.ff.layers.0.weight`` -> the name with ``{i}`` for its first number, and that number."""
    return _split(name, INDEX)


def split_expert(pattern: str) -> tuple[str, int | None]:
    """``layers.{i}.mlp.experts.3.up_proj.weight`` -> the name with ``{e}`` for the number, and that number."""
    return _split(pattern, EACH)


def _split(name: str, sign: str) -> tuple[str, int | None]:
    pieces = name.split(".")
    for position, piece in enumerate(pieces):
        if piece.isascii() and piece.isdecimal() and len(piece) < _LONGEST_INDEX:
            return ".".join([*pieces[:position], sign, *pieces[position + 1 :]]), int(piece)
    return name, None


_LONGEST_INDEX = 9
