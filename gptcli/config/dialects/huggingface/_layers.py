"""Which layers look back over a window, over a chunk, or without positions: patterns from several spellings."""

from collections.abc import Mapping, Sequence

from gptcli.config.dialects.huggingface._family import Reading
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.pattern import letters, shortened

FULL, SLIDING, CHUNKED = "full_attention", "sliding_attention", "chunked_attention"
# transformers' older names
_OLDER = {"attention": FULL, "full": FULL, "sliding": SLIDING, "global": FULL, "local": SLIDING}


def one_window(key: str = "sliding_window", *, only_if: str | None = None) -> Reading:
    """Read a window that all layers have; null for none.

    Args:
        key: of the window.
        only_if: a key without which the window says nothing.
    """

    def read(has: Settings) -> dict[str, object]:
        window = has.maybe_whole(key)
        if window is None or (only_if is not None and not has.flag(only_if)):
            return {}
        return {"sliding_window": window, "layer_pattern": "L"}

    return Reading((key, *([only_if] if only_if else [])), read)


def windows(
    default: str | None = None,
    *,
    letters: Mapping[str, str] | None = None,
    interval_key: str | None = None,
    interval: int | None = None,
) -> Reading:
    """Read ``layer_types`` with ``sliding_window``.

    Args:
        default: the pattern where the file has none.
        letters: of the layers' kinds.
        interval_key: an older key: every so many layers one is full.
        interval: its default.
    """
    meaning = letters or {FULL: "F", SLIDING: "L"}

    def read(has: Settings) -> dict[str, object]:
        window = has.maybe_whole("sliding_window")
        word = listed_pattern(has, "layer_types", meaning)
        if word is None and interval_key is not None:
            every = has.whole(interval_key) if has.gives(interval_key) else interval
            word = every_pattern(every or 0, meaning[SLIDING], meaning[FULL])
        pattern = word or default or meaning[SLIDING if window is not None else FULL]
        return windowed(has, pattern, window)

    return Reading(("layer_types", "sliding_window", *([interval_key] if interval_key else [])), read)


def windowed(has: Settings, pattern: str, window: int | None) -> dict[str, object]:
    """Return a pattern with its window."""
    if "L" not in pattern:
        return {"layer_pattern": pattern}
    if window is not None:
        return {"layer_pattern": pattern, "sliding_window": window}
    if has.gives("sliding_window") and has.value("sliding_window") is None:
        raise has.refused("sliding_window", "but there are sliding layers; write their window")
    raise has.problem("layer_types", "layer_types has sliding layers without a window; set use_sliding_window to true")


def every_pattern(interval: int, others: str, last: str) -> str:
    """Return the pattern whose every so many-th layer is another."""
    if interval <= 0:
        return others
    return shortened(others * (interval - 1) + last) if interval < 1000 else f"{interval - 1}{others}{last}"


def after_pattern(first: int, layers: int, before: str, after: str) -> str:
    """Return the pattern of some layers, and others after them."""
    if first <= 0:
        return after
    return before if first >= layers else f"{first}{before}{layers - first}{after}"


def listed_pattern(has: Settings, key: str, letters: Mapping[str, str]) -> str | None:
    """Return the pattern that a list of words gives, or None without one."""
    kinds = has.listed(key)
    if kinds is None:
        return None
    words = [_OLDER.get(kind, kind) if isinstance(kind, str) else None for kind in kinds]
    check_length(has, key, words)
    unknown = next((word for word in words if word not in letters), None)
    if unknown is not None or None in words:
        raise has.refused(key, f"but {unknown!r} is unknown in this family; it can hold {', '.join(letters)}")
    return shortened("".join(letters[word] for word in words if word is not None))


def check_length(has: Settings, key: str, values: Sequence[object]) -> None:
    """Refuse a list that does not have an entry for each layer."""
    layers = has.whole("num_hidden_layers")
    if len(values) != layers:
        raise has.refused(key, f"but it has {len(values)} entries for {layers} layers; write one for each")


def windows_from_a_layer_on(only_if: str | None = "use_sliding_window") -> Reading:
    """Read Qwen's: layers from ``max_window_layers`` on have the window, where there is one.

    Args:
        only_if: a key without which the window says nothing.
    """

    def read(has: Settings) -> dict[str, object]:
        used = only_if is None or has.flag(only_if)
        window = has.maybe_whole("sliding_window") if used else None
        word = listed_pattern(has, "layer_types", {FULL: "F", SLIDING: "L"})
        if word is None and window is not None:
            first, layers = has.whole("max_window_layers"), has.whole("num_hidden_layers")
            word = after_pattern(first, layers, "F", "L")
        return windowed(has, word or "F", window)

    keys = ("layer_types", "sliding_window", "max_window_layers", "num_hidden_layers")
    return Reading((*keys, *([only_if] if only_if else [])), read)


def no_rope(has: Settings, *, rotated: str) -> str:
    """Return the pattern of ``no_rope_layers``: 0 marks a layer without positions, N; others have the letter given."""
    marks = has.listed("no_rope_layers")
    if not marks:
        return every_pattern(has.whole("no_rope_layer_interval"), rotated, "N")
    check_length(has, "no_rope_layers", marks)
    return shortened("".join(rotated if mark else "N" for mark in marks))


def both(has: Settings, placed: str, kinds: str) -> str:
    """Return one pattern of two: which layers know positions, those that are not N, and how far each looks."""
    depth = has.whole("num_hidden_layers")
    pairs = zip(_whole(placed, depth), _whole(kinds, depth), strict=True)
    return shortened("".join(_UNPLACED[kind] if where == "N" else kind for where, kind in pairs)) or "F"


_UNPLACED = {"F": "N", "L": "M", "C": "O"}


def _whole(pattern: str, depth: int) -> str:
    word = letters(pattern, depth)
    return (word * (depth // len(word) + 1))[:depth] if word else ""
