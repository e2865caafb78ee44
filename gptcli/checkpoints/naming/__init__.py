"""The layouts of transformers' families, by ``model_type``: a table of names each (transformers 5.23).

A table puts stored names to ours: those of a layer without ``layers.{i}.`` before them. ``a + b`` are the pieces of one
weight, ``a | b`` two ways to store it, the usual one on the Hub first; brackets say how its rows lie
(`gptcli.checkpoints.pieces`). Names are those of modules, to which ``.weight`` and ``.bias`` belong, or of weights.
"""

from collections.abc import Mapping

from gptcli.architecture.network import INDEX
from gptcli.checkpoints.layouts import HUGGING_FACE, LAYOUTS, Layout
from gptcli.checkpoints.naming.experts import EXPERTS
from gptcli.checkpoints.naming.family import LAYERS, Family
from gptcli.checkpoints.naming.like_gpt import LIKE_GPT
from gptcli.checkpoints.naming.like_llama import LIKE_LLAMA
from gptcli.checkpoints.pieces import parsed

FAMILIES: dict[str, Family] = {**LIKE_LLAMA, **EXPERTS, **LIKE_GPT}

# The text models inside of those that read images too.
_INSIDE = {"gemma3": "gemma3_text", "llama4": "llama4_text"}
_WITH_IMAGES = ("vision_tower.", "vision_model.", "multi_modal_projector.")


def family_of(settings: Mapping[str, object] | None) -> str | None:
    """Return the family that a ``config.json`` names, or None where it is none of these."""
    if settings is None:
        return None
    nested = settings.get("text_config")
    inner = nested.get("model_type") if isinstance(nested, Mapping) else None
    for said in (inner, settings.get("model_type")):
        if isinstance(said, str) and _INSIDE.get(said, said) in FAMILIES:
            return _INSIDE.get(said, said)
    return None


def family_layout(name: str) -> Layout:
    """Return the layout of a family."""
    family = FAMILIES[name]
    rows = {
        **family.outside,
        **{f"{LAYERS}.{INDEX}.{ours}": _in_layer(family.layers, theirs) for ours, theirs in family.inside.items()},
    }
    prefix = family.prefix
    return Layout(
        name=f"{HUGGING_FACE}-{name}",
        label=f"{LAYOUTS[HUGGING_FACE].label}, {name}",
        prefix=prefix,
        prefixes=(f"{prefix}language_model.", f"language_model.{prefix}", "language_model.", *family.prefixes),
        stored={ours: parsed(theirs) for ours, theirs in rows.items()},
        transposed=family.transposed,
        buffers_end=family.buffers,
        dialect=LAYOUTS[HUGGING_FACE].dialect,
        family=name,
        beside=(*_WITH_IMAGES, *(f"{prefix}{each}" for each in _WITH_IMAGES), *family.beside),
    )


def _in_layer(layers: str, theirs: str) -> str:
    """Put the layer's name before each name of a line."""
    ways = (way.partition("[") for way in theirs.split("|"))
    return " | ".join(
        " + ".join(f"{layers}.{name.strip()}" for name in names.split("+")) + (f" [{said}" if said else "")
        for names, _, said in ways
    )


def likely_families(names: Mapping[str, object] | list[str]) -> list[str]:
    """Return the families most of whose names stand among stored names, best first; none where no name does."""
    from gptcli.checkpoints.layouts import split_expert, split_index

    patterns = {split_index(name)[0] for name in names}
    patterns |= {split_expert(pattern)[0] for pattern in patterns}
    scores = {family: _score(family, patterns) for family in FAMILIES}
    best = max(scores.values())
    return [family for family, score in scores.items() if score == best] if best else []


def _score(name: str, patterns: set[str]) -> int:
    """Count the patterns that a family knows, of names with a layer in them."""
    layout = family_layout(name)
    known = {stored for ways in layout.stored.values() for way in ways for stored in way.names}
    bare = {layout.bare(pattern) for pattern in patterns}
    return sum(1 for each in bare if INDEX in each and (each in known or each.rpartition(".")[0] in known))
