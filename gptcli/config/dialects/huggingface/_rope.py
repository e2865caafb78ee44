"""Rotation: ``rope_parameters``, and ``rope_theta`` with ``rope_scaling`` as files before transformers 5 have them.

What an absent value is follows ``modeling_rope_utils.py`` of transformers 5.23.
"""

from collections.abc import Mapping

from gptcli.config.dialects.huggingface._family import Reading
from gptcli.config.dialects.huggingface._settings import Settings

_KINDS = {
    "default": "none", "linear": "linear", "dynamic": "dynamic", "llama3": "llama3", "yarn": "yarn",
    "longrope": "longrope",
}  # fmt: skip
_KNOWS_ORIGINAL = ("llama3", "yarn", "longrope")
_COMMON = {"rope_type", "type", "rope_theta", "partial_rotary_factor"}
# What each kind reads beside those.
_READ = {
    "default": set(),
    "linear": {"factor"},
    "dynamic": {"factor"},
    "llama3": {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"},
    "yarn": {
        "factor", "attention_factor", "beta_fast", "beta_slow", "truncate", "mscale", "mscale_all_dim",
        "original_max_position_embeddings",
    },
    "longrope": {
        "factor", "attention_factor", "short_factor", "long_factor", "original_max_position_embeddings",
    },
}  # fmt: skip
_KEYS = ("rope_parameters", "rope_scaling", "rope_theta", "max_position_embeddings", "original_max_position_embeddings")


def rope(
    base: float = 10000.0,
    *,
    fraction: float | None = None,
    base_key: str = "rope_theta",
    fraction_key: str = "partial_rotary_factor",
    spellings: Mapping[str, str] | None = None,
    default: Mapping[str, object] | None = None,
    also: frozenset[str] = frozenset(),
    odd: bool = True,
) -> Reading:
    """Read one rotation for all layers.

    Args:
        base: of the class, ``default_theta``.
        fraction: of a head that is rotated by default; None where the family's code rotates whole heads.
        base_key: the older key of the base.
        fraction_key: likewise.
        spellings: other names of kinds.
        default: what the class takes where the file says nothing.
        also: what the family reads of the mapping itself.
        odd: whether the family's code takes an odd part of a head; one that cuts heads by the part itself fails then.
    """

    def read(has: Settings) -> dict[str, object]:
        key, said = _said(has, dict(default or {}))
        told = dict(said)
        told.setdefault("rope_theta", has.value(base_key) if has.gives(base_key) else base)
        if fraction is not None:
            told.setdefault("partial_rotary_factor", has.value(fraction_key) if has.gives(fraction_key) else fraction)
        mapped = {name: value for name, value in told.items() if name not in also}
        found = _scaling(has, key, mapped, spellings or {}, nested=False)
        found["rope_base"] = _number(has, key, told, "rope_theta")
        share = told.get("partial_rotary_factor")
        if fraction is None and share not in (None, 1, 1.0):
            raise has.refused(key, f"but its partial_rotary_factor is {share}, and this family rotates whole heads")
        if fraction is not None:
            found["rope_fraction"] = _number(has, key, told, "partial_rotary_factor")
            found = whole_pairs(has, key, found, odd=odd)
        return {"positions": "rotary", **found}

    widths = ("head_dim", "hidden_size", "num_attention_heads") if fraction is not None else ()
    return Reading(tuple(dict.fromkeys((*_KEYS, base_key, fraction_key, *widths))), read)


def whole_pairs(has: Settings, key: str, found: dict[str, object], *, odd: bool = True) -> dict[str, object]:
    """Rotate one number more where a part of a head is odd, as transformers does, by the frequencies of the part.

    A frequency is ``base ** (-2i / part)``, which is ``(base ** (pairs / part)) ** (-2i / pairs)``. Where a family's
    code takes no ``odd`` part, that is noted: what is counted does not depend on it.
    """
    width = has.maybe_whole("head_dim") or has.whole("hidden_size") // max(has.whole("num_attention_heads"), 1)
    fraction, base = found["rope_fraction"], found["rope_base"]
    assert isinstance(fraction, int | float)
    assert isinstance(base, int | float)
    part = int(width * fraction)
    if part % 2 == 0 or not 0 < part < width or base <= 0:
        return found
    if found.get("rope_scaling", "linear") not in ("linear", "llama3"):
        raise has.refused(
            key, f"but {part} of a head's {width} numbers are no whole pairs; change partial_rotary_factor"
        )
    if not odd:
        has.notes.append(
            f"{part} of a head's {width} numbers are rotated, which are no whole pairs; transformers' code for this "
            f"family cannot run that, here {part + 1} are rotated"
        )
    return found | {"rope_fraction": share(part + 1, width), "rope_base": base ** ((part + 1) / part)}


def share(part: int, whole: int) -> float:
    """Return a fraction that is the part of the whole again, whatever a product is rounded to."""
    from math import nextafter

    found = part / whole
    return found if int(whole * found) == part else nextafter(found, 2.0)


def rope_by_layers(full: float, local: float, *, local_key: str | None = None) -> Reading:
    """Read one rotation for full layers and one for local ones, of which the full alone may be scaled.

    Args:
        full: base of the class.
        local: base of local layers.
        local_key: the older key of that; None where only `rope_parameters` can say it.
    """

    def read(has: Settings) -> dict[str, object]:
        key = "rope_parameters"
        both = has.mapping(key) or {}
        told = {kind: _inner(has, key, both, kind) for kind in ("full_attention", "sliding_attention")}
        scaled = has.mapping("rope_scaling")
        if scaled is not None:
            key = "rope_scaling"
            told["full_attention"] |= scaled
        told["full_attention"].setdefault("rope_theta", has.value("rope_theta") if has.gives("rope_theta") else full)
        base = has.value(local_key) if local_key and has.gives(local_key) else local
        told["sliding_attention"].setdefault("rope_theta", base)
        found = _scaling(has, key, told["full_attention"], {}, nested=True)
        beside = _scaling(has, key, told["sliding_attention"], {}, nested=True)
        if beside and found and beside != found:
            raise has.refused(
                key,
                "but gptcli stretches rotation in one way; make full_attention and sliding_attention equal but for "
                "rope_theta, or the rope_type of one 'default'",
            )
        bases = {kind: _number(has, key, each, "rope_theta") for kind, each in told.items()}
        if bool(found) != bool(beside):
            found = found | beside | {"rope_scaled_layers": "full" if found else "local"}
        if bases["sliding_attention"] != bases["full_attention"]:
            found["rope_local_base"] = bases["sliding_attention"]
        return {"positions": "rotary", "rope_base": bases["full_attention"], **found}

    return Reading((*_KEYS, *([local_key] if local_key else [])), read)


def _inner(has: Settings, key: str, both: Mapping[str, object], kind: str) -> dict[str, object]:
    told = both.get(kind)
    if told is not None and not isinstance(told, dict):
        raise has.refused(key, f"but its {kind} must be a mapping")
    return dict(told or {"rope_type": "default"})  # which stays, where an older file says `type`


def _said(has: Settings, default: dict[str, object]) -> tuple[str, dict[str, object]]:
    """Return what the file says of rotation and in which key; the older key goes first, as in transformers."""
    for key in ("rope_scaling", "rope_parameters"):
        told = has.mapping(key) if has.gives(key) else None
        if told:
            nested = next((name for name, value in told.items() if isinstance(value, dict)), None)
            if nested is not None:
                raise has.refused(key, f"but {nested} has a rotation of its own, and this family has one for all")
            return key, dict(told)
    return "rope_parameters", default


def _scaling(
    has: Settings, key: str, told: Mapping[str, object], spellings: Mapping[str, str], *, nested: bool
) -> dict[str, object]:
    """Return our keys for how rotation is stretched; none where it is not."""
    word = told.get("rope_type", told.get("type", "default"))
    kind = spellings.get(word, word) if isinstance(word, str) else None
    if kind not in _KINDS:
        raise has.refused(key, f"but its rope_type {word!r} is unknown; it can be {', '.join(_KINDS)}")
    _note_unread(has, key, told, kind)
    if kind == "default":
        return {}
    found: dict[str, object] = {"rope_scaling": _KINDS[kind]}
    if kind in _KNOWS_ORIGINAL:
        found["rope_original_length"] = original = _original(has, key, told, nested=nested)
    factor = told.get("factor")
    if factor is None and kind in ("yarn", "longrope"):
        found["rope_factor"] = has.whole("max_position_embeddings") / original
    else:
        found["rope_factor"] = _number(has, key, told, "factor")
    return found | _SPECIAL.get(kind, _nothing)(has, key, told, nested)


def _nothing(has: Settings, key: str, told: Mapping[str, object], nested: bool) -> dict[str, object]:
    return {}


def _note_unread(has: Settings, key: str, told: Mapping[str, object], kind: str) -> None:
    unread = [name for name in told if name not in _COMMON | _READ[kind]]
    if unread:
        has.notes.append(f"{key}: transformers does not read {', '.join(unread)} where rope_type is {kind}; ignored")


def _original(has: Settings, key: str, told: Mapping[str, object], *, nested: bool) -> int:
    """Return the length before scaling; beside the rotation it counts more than inside."""
    outer = None if nested else has.maybe_whole("original_max_position_embeddings")
    inner = told.get("original_max_position_embeddings")
    found = outer if outer is not None else inner if inner is not None else has.whole("max_position_embeddings")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise has.refused(key, f"but its original_max_position_embeddings is {found!r} and no length")
    return found


def _llama3(has: Settings, key: str, told: Mapping[str, object], nested: bool) -> dict[str, object]:
    names = {"rope_low_freq_factor": "low_freq_factor", "rope_high_freq_factor": "high_freq_factor"}
    return {ours: _number(has, key, told, name) for ours, name in names.items()}


def _yarn(has: Settings, key: str, told: Mapping[str, object], nested: bool) -> dict[str, object]:
    names = {
        "rope_beta_fast": "beta_fast", "rope_beta_slow": "beta_slow", "rope_mscale": "mscale",
        "rope_mscale_all_dim": "mscale_all_dim", "rope_attention_factor": "attention_factor",
    }  # fmt: skip
    found: dict[str, object] = {ours: _number(has, key, told, name) for ours, name in names.items() if told.get(name)}
    # transformers looks for it beside the mappings of the layers' kinds, where there are such, and never finds it
    if not nested and told.get("truncate") is False:
        found["rope_truncate"] = False
    return found


def _longrope(has: Settings, key: str, told: Mapping[str, object], nested: bool) -> dict[str, object]:
    found: dict[str, object] = {}
    if told.get("attention_factor") is not None:
        found["rope_attention_factor"] = _number(has, key, told, "attention_factor")
    for ours, name in (("rope_short_factors", "short_factor"), ("rope_long_factors", "long_factor")):
        factors = told.get(name)
        if not isinstance(factors, list) or not all(type(each) in (int, float) for each in factors):
            raise has.refused(key, f"but its {name} is no list of numbers")
        found[ours] = ",".join(f"{each!r}" for each in factors)
    return found


_SPECIAL = {"llama3": _llama3, "yarn": _yarn, "longrope": _longrope}


def _number(has: Settings, key: str, told: Mapping[str, object], name: str) -> float:
    value = told.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        said = "missing" if value is None else repr(value)
        raise has.refused(key, f"but its {name} is {said}; write a number")
    return value
