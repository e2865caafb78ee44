"""What holds between the keys of a config: sizes that divide each other, and keys that need one another."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from gptcli.config.entries import Entry, Problem
from gptcli.config.model_config import MAX_SIZE, ModelConfig
from gptcli.config.pattern import CHUNKS, WINDOWS, is_pattern

_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(ModelConfig)}
_LETTERS = {
    "layer_pattern": {
        "F": "full",
        "L": "local",
        "C": "chunked",
        "N": "full without positions",
        "M": "local without positions",
        "O": "chunked without positions",
    },
    "expert_pattern": {"E": "experts", "D": "dense"},
}


_WIDTHS = (
    ("L", "sliding_window", 1024),
    ("M", "sliding_window", 1024),
    ("C", "attention_chunk", 8192),
    ("O", "attention_chunk", 8192),
)


def check_together(values: Mapping[str, Any], entries: Mapping[str, Entry], place: str) -> list[Problem]:
    """Return what contradicts itself; a key whose own value is wrong is left out of it.

    Args:
        values: the right ones by key.
        entries: everything that was given, for places and for the names that files have for keys.
        place: the file's, for what it leaves open.
    """
    has = _Given(values, entries, place)
    return [
        *_heads(has),
        *_groups(has),
        *_patterns(has),
        *_windows(has),
        *_latents(has),
        *_rotation(has),
        *_longrope(has),
        *_experts(has),
        *_expert_groups(has),
    ]


class _Given:
    """The values with defaults, and where they were given."""

    def __init__(self, values: Mapping[str, Any], entries: Mapping[str, Entry], place: str) -> None:
        self._values, self._entries, self._place = values, entries, place

    def __getitem__(self, key: str) -> Any:
        """Return a value; None where it is wrong, or missing and needed."""
        if key in self._values:
            return self._values[key]
        default = _DEFAULTS[key]
        return None if key in self._entries or default is msgspec.NODEFAULT else default

    def name(self, key: str) -> str:
        """Return what the file calls a key."""
        return (self._entries[key].key if key in self._entries else "") or key

    def problem(self, message: str, *keys: str) -> Problem:
        """Place a problem at the last given of its keys; what overrides a file comes last."""
        found = [self._entries[key] for key in keys if key in self._entries and self._entries[key].given]
        if not found:
            return Problem(self._place, message)
        at = max(found, key=lambda entry: entry.line or float("inf"))
        return Problem(at.place, message, at.line)

    @property
    def width(self) -> int | None:
        """The width of a head, where it can be told."""
        if self["head_dim"]:
            return int(self["head_dim"])
        if not self["emb_dim"] or not self["n_heads"] or self["emb_dim"] % self["n_heads"]:
            return None
        return int(self["emb_dim"] // self["n_heads"])


def _heads(has: _Given) -> Iterator[Problem]:
    """The width is split evenly over the heads, where they have no width of their own."""
    width, heads = has["emb_dim"], has["n_heads"]
    own = has["head_dim"] or (has["kv_lora_rank"] and has["v_head_dim"])
    if width and heads and not own and width % heads:
        names = has.name("emb_dim"), has.name("n_heads")
        yield has.problem(_indivisible(width, heads, *names), "emb_dim", "n_heads")


def _indivisible(width: int, heads: int, width_key: str, heads_key: str) -> str:
    below = next(n for n in range(min(heads, width), 0, -1) if width % n == 0)
    above = next((n for n in range(heads + 1, min(width, 8 * heads) + 1) if width % n == 0), None)
    fitting = " or ".join(str(n) for n in (below, above) if n is not None)
    down, up = width - width % heads, width - width % heads + heads
    widths = " or ".join(str(n) for n in (down, up) if 0 < n <= MAX_SIZE)
    return (
        f"{width_key} {width} is not divisible by {heads_key} {heads}; "
        f"use {heads_key} {fitting}, or {width_key} {widths}, so that every head gets the same width"
    )


def _groups(has: _Given) -> Iterator[Problem]:
    """Every key and value head serves as many query heads."""
    groups, heads = has["n_kv_groups"], has["n_heads"]
    if groups and heads and heads % groups:
        name = has.name("n_kv_groups")
        yield has.problem(
            f"{name} {groups} does not divide {has.name('n_heads')} {heads}; use {name} {_divisors(heads, groups)}",
            "n_kv_groups",
            "n_heads",
        )


def _divisors(number: int, near: int) -> str:
    """Return the divisors of a number below and above another, in words."""
    below = next(n for n in range(min(near, number), 0, -1) if number % n == 0)
    above = next((n for n in range(near + 1, number + 1) if number % n == 0), None) if near < 100_000 else None
    return " or ".join(str(n) for n in (below, above) if n is not None)


def _patterns(has: _Given) -> Iterator[Problem]:
    """Patterns are letters that mean something, each with how often it comes."""
    for key, letters in _LETTERS.items():
        pattern = has[key]
        if pattern and not _is_known(key, pattern):
            words = ", ".join(f"{letter} {meaning}" for letter, meaning in letters.items())
            example = "5LF" if key == "layer_pattern" else "3D58E"
            yield has.problem(
                f"{has.name(key)} {pattern!r} is no pattern of layers, e.g. {example}; letters are {words}", key
            )


def _is_known(key: str, pattern: str) -> bool:
    return is_pattern(pattern) and set(pattern) - set("0123456789") <= _LETTERS[key].keys()


def _windows(has: _Given) -> Iterator[Problem]:
    """Local layers have a window, chunked ones a chunk, and there is one width for either; none knows distances.

    A window's cache is a ring, in which keys lie in no order, and ALiBi goes by their order.
    """
    pattern = has["layer_pattern"] or ""
    if not _is_known("layer_pattern", pattern):
        return
    for letter, key, example in _WIDTHS:
        if letter in pattern and has[key] is None:
            kind = _LETTERS["layer_pattern"][letter]
            message = f"{has.name('layer_pattern')} has {kind} layers ({letter}), and {key} is not set"
            yield has.problem(f"{message}; set it, e.g. {key}={example}", "layer_pattern", key)
    if WINDOWS & set(pattern) and CHUNKS & set(pattern):
        message = f"{has.name('layer_pattern')} has local and chunked layers; use L or C"
        yield has.problem(message, "layer_pattern")
    if has["positions"] == "alibi" and (WINDOWS | CHUNKS) & set(pattern):
        message = f"{has.name('layer_pattern')} has layers with a window, which have no alibi"
        yield has.problem(f"{message}; use layer_pattern=F, or positions=rotary", "layer_pattern", "positions")


def _latents(has: _Given) -> Iterator[Problem]:
    """A latent is read by heads of some width, and rotated where positions are."""
    if not has["kv_lora_rank"]:
        return
    if has["qk_nope_head_dim"] == 0:
        yield has.problem(_unset("qk_nope_head_dim", 128), "kv_lora_rank", "qk_nope_head_dim")
    if has["positions"] == "rotary" and has["qk_rope_head_dim"] == 0:
        yield has.problem(_unset("qk_rope_head_dim", 64), "kv_lora_rank", "qk_rope_head_dim")


def _unset(key: str, example: int) -> str:
    return f"latent attention (kv_lora_rank) needs {key}; set it, e.g. {key}={example}"


def _rotation(has: _Given) -> Iterator[Problem]:
    """Pairs of numbers are rotated, so their number is even."""
    rotated = _rotated(has)
    if rotated is None or (rotated >= 2 and rotated % 2 == 0):
        return
    if has["kv_lora_rank"]:
        if rotated:
            name = has.name("qk_rope_head_dim")
            yield has.problem(
                f"{name} {rotated} is odd, and pairs are rotated; use {rotated - 1 or 2} or {rotated + 1}", name
            )
        return
    share = has["rope_fraction"]
    what = f"{rotated} of a head's {has.width} numbers" if share != 1 else f"a head's {rotated} numbers"
    way = "change rope_fraction" if share != 1 else "set head_dim to an even number"
    yield has.problem(f"{what} are rotated, and pairs are; {way}", "emb_dim", "n_heads", "head_dim", "rope_fraction")


def _rotated(has: _Given) -> int | None:
    """Return how many numbers of a head are rotated, where it can be told."""
    if has["positions"] != "rotary":
        return None
    if has["kv_lora_rank"]:
        return int(has["qk_rope_head_dim"] or 0)
    share = has["rope_fraction"]
    return None if has.width is None or share is None else int(has.width * share)


def _longrope(has: _Given) -> Iterator[Problem]:
    """Longrope has a divisor for each pair, for short texts and for long ones."""
    if has["positions"] != "rotary" or has["rope_scaling"] != "longrope":
        return
    rotated = _rotated(has)
    for key in ("rope_short_factors", "rope_long_factors"):
        text = has[key]
        if text is None or rotated is None:
            continue
        factors = text.split(",") if text else []
        if not all(_is_positive(each) for each in factors):
            yield has.problem(f"{key} is no list of numbers above 0; write e.g. {key}: '1.0,1.5'", key)
        elif len(factors) != rotated // 2:
            wanted = f"one for each of {rotated // 2} pairs"
            yield has.problem(f"{key} has {len(factors)} numbers, and longrope takes {wanted}", "rope_scaling", key)


def _is_positive(text: str) -> bool:
    try:
        return 0 < float(text) < float("inf")
    except ValueError:
        return False


def _experts(has: _Given) -> Iterator[Problem]:
    """A token visits some of the experts."""
    experts, chosen = has["num_experts"], has["num_experts_per_tok"]
    if not experts or chosen is None or 1 <= chosen <= experts:
        return
    name = has.name("num_experts_per_tok")
    yield has.problem(
        f"{name} {chosen} of {has.name('num_experts')} {experts}; use {name} from 1 to {experts}",
        "num_experts",
        "num_experts_per_tok",
    )


def _expert_groups(has: _Given) -> Iterator[Problem]:
    """Groups are equal, and the best of them hold the experts that a token visits."""
    experts, chosen = has["num_experts"], has["num_experts_per_tok"]
    groups, top, score = (has[key] for key in ("router_groups", "router_top_groups", "router_group_score"))
    if not experts or not groups or not top or not chosen or groups == 1:
        return
    names = has.name("router_groups"), has.name("router_top_groups"), has.name("num_experts")
    if experts % groups:
        message = f"{names[0]} {groups} does not divide {names[2]} {experts}; use {_divisors(experts, groups)}"
        yield has.problem(message, "router_groups", "num_experts")
    elif top > groups:
        message = f"{names[1]} {top} of {names[0]} {groups}; use {names[1]} from 1 to {groups}"
        yield has.problem(message, "router_groups", "router_top_groups")
    elif top * (experts // groups) < chosen:
        held = top * (experts // groups)
        message = f"{names[1]} {top} hold {held} experts, and a token visits {chosen}; use more groups"
        yield has.problem(message, "router_top_groups", "num_experts_per_tok")
    elif score and score > experts // groups:
        message = f"router_group_score {score} of {experts // groups} experts in a group; use {experts // groups}"
        yield has.problem(message, "router_group_score", "router_groups", "num_experts")
