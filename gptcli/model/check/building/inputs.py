"""What a forward needs beside the ids: targets, a causal mask, positions; or ids as int32."""

import inspect
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from msgspec import Struct
from torch import Tensor, nn

_TARGETS = frozenset({"targets", "target", "labels", "label", "y", "tgt", "trg", "yb", "target_ids", "next_tokens"})
_POSITIONS = frozenset({"positions", "position_ids", "pos", "pos_ids", "input_pos", "position", "cache_position"})
_NUMBERS = frozenset({"start_pos", "offset", "past_length", "start", "position_offset"})
_SWITCHES = frozenset({"use_cache", "training", "return_attn", "return_attention", "output_attentions", "train"})
_NOTHING = frozenset({"cache", "kv_cache", "past", "past_key_values", "past_kv", "caches", "kv_caches", "memory"})


class Call(Struct, frozen=True):
    """One way to call a forward.

    Attributes:
        words: what it is given beside ids, for people; empty for nothing.
        more: makes the further arguments by name from ids, (B, T).
        narrow: whether ids are int32.
        masked: whether a mask is among them, whose sense is not known.
    """

    words: str
    more: Callable[[Tensor], dict[str, object]]
    narrow: bool = False
    masked: bool = False

    def run(self, model: nn.Module, ids: Tensor) -> object:
        """Run a model on (B, T) ids."""
        return model(ids.int() if self.narrow else ids, **self.more(ids))


def calls_for(model: nn.Module) -> list[Call]:
    """Return the ways to call a model's forward, the likeliest first.

    A mask has a convention that no signature says: the ways to write one follow each other.
    """
    needed = _needed(model)
    masks = [name for name in needed if _is_mask(name)]
    found: list[Call] = []
    for words, mask in _masks() if masks else [("", None)]:
        for narrow in (False, True):
            found.append(_call(needed, masks, words, mask, narrow=narrow))
    return sorted(found, key=lambda call: call.narrow)


def unknown_in(model: nn.Module) -> list[str]:
    """Return the arguments that a forward needs and that nobody here knows."""
    known = _TARGETS | _POSITIONS | _NUMBERS | _SWITCHES | _NOTHING
    return [name for name in _needed(model) if not _is_mask(name) and name.lower() not in known]


def _call(needed: list[str], masks: list[str], words: str, mask: "_Mask | None", *, narrow: bool) -> Call:
    def more(ids: Tensor) -> dict[str, object]:
        found = {name: _value(name.lower(), ids) for name in needed if name not in masks}
        return {**found, **{name: mask(ids) for name in masks if mask is not None}}

    told = [f"{name} = {_words(name.lower())}" for name in needed if name not in masks]
    told += [f"{name} = {words}" for name in masks]
    told += ["ids in int32"] if narrow else []
    return Call(", ".join(told), more, narrow, bool(masks))


def _needed(model: nn.Module) -> list[str]:
    """Return the arguments without a default that follow the ids."""
    try:
        parameters = list(inspect.signature(model.forward).parameters.values())
    except (ValueError, TypeError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [each.name for each in parameters[1:] if each.kind in kinds and each.default is each.empty]


def _is_mask(name: str) -> bool:
    return "mask" in name.lower()


def _value(name: str, ids: Tensor) -> object:
    if name in _TARGETS:
        return ids.long()
    if name in _POSITIONS:
        return torch.arange(ids.shape[1])
    return 0 if name in _NUMBERS else False if name in _SWITCHES else None


def _words(name: str) -> str:
    if name in _TARGETS:
        return "the ids"
    if name in _POSITIONS:
        return "0, 1, 2, ..."
    return "0" if name in _NUMBERS else "False" if name in _SWITCHES else "None"


_Mask = Callable[[Tensor], object]


def _masks() -> Iterator[tuple[str, _Mask]]:
    """Yield what a causal mask may be: where it may look, what is added to scores, where it may not look."""

    def allowed(ids: Tensor) -> Tensor:
        return torch.ones(ids.shape[1], ids.shape[1]).tril().bool()

    yield "a causal mask, True where a token may look", allowed
    yield (
        "a causal mask, 0 where a token may look, else -inf",
        lambda ids: torch.zeros(ids.shape[1], ids.shape[1]).masked_fill(~allowed(ids), -math.inf),
    )
    yield "a causal mask, True where a token may not look", lambda ids: ~allowed(ids)
    yield "a causal mask, 1 where a token may look", lambda ids: allowed(ids).int()[None, None]
    yield "ones, (B, T)", torch.ones_like
    yield "None", lambda _ids: None


@contextmanager
def unwatched(model: nn.Module) -> Iterator[None]:
    """Run a model without its forward hooks: while ways to call it are tried, nobody is to listen."""
    kept = [(each, each._forward_hooks, each._forward_pre_hooks) for each in model.modules()]
    try:
        for each, _, _ in kept:
            each._forward_hooks, each._forward_pre_hooks = OrderedDict(), OrderedDict()
        yield
    finally:
        for each, after, before in kept:
            each._forward_hooks, each._forward_pre_hooks = after, before
