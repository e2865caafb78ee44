"""What training programs put around the names of a network, found by what remains: the names that a layout has.

``model.`` of a Lightning module, ``module.`` of DataParallel, ``_orig_mod.`` of torch.compile, ``pretrained_model.`` of
TRL, whatever a class of somebody's own calls its member stand before the names; ``_checkpoint_wrapped_module``,
``_fsdp_wrapped_module``, ``_orig_mod`` or ``base_layer`` inside them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations

from msgspec import Struct

Known = Callable[[str], bool]
_MARK = "_"  # begins a word of a wrapper, and none of a network
_DOT = "."
_MOST_INSIDE = 2  # wrappers of one module that do not begin so
_MOST_WORDS = 16
_SAMPLE = 2000  # names that are looked at, of a model of tens of thousands


class Wrapping(Struct, frozen=True):
    """Names without what stands around them.

    Attributes:
        names: stored name -> what remains of it.
        prefix: stands before most of them, with a dot at its end; or "".
        inside: the words that stand inside.
    """

    names: Mapping[str, str]
    prefix: str = ""
    inside: tuple[str, ...] = ()

    def stored(self, name: str) -> str:
        """Return how the file would call what remains as ``name``."""
        return self.prefix + name


def unwrapped(names: Iterable[str], known: Known) -> Wrapping:
    """Take from names what is around those that a layout has.

    Args:
        names: as they are stored.
        known: whether a layout has a name.
    """
    names = list(names)
    rest = [name for name in names if not known(name)]
    if not rest:
        return Wrapping({name: name for name in names})
    found = {name: name if known(name) else _unmarked(name) for name in names}
    prefix = _prefix(_some(found.values()), known)
    found = {name: _after(bare, prefix) if not known(bare) else bare for name, bare in found.items()}
    words = _inside({bare for bare in found.values() if known(bare)}, _some(found.values()), known)
    found = {name: _dropped(bare, words, known) for name, bare in found.items()}
    marked = {word for name in rest for word in name.split(_DOT) if word.startswith(_MARK)}
    return Wrapping(found, _whole_prefix(found, prefix, marked), (*sorted(_within(found, marked)), *sorted(words)))


def _unmarked(name: str) -> str:
    return _DOT.join(word for word in name.split(_DOT) if not word.startswith(_MARK)) or name


def _prefix(names: Iterable[str], known: Known) -> str:
    """Return what stands before most of the names that only it keeps from being known."""
    votes: Counter[str] = Counter()
    for name in names:
        if known(name):
            votes[""] += 1
            continue
        words = name.split(_DOT)
        for at in range(1, min(len(words), _MOST_WORDS)):
            if known(_DOT.join(words[at:])):
                votes[_DOT.join(words[:at]) + _DOT] += 1
                break
        else:
            _vote_for_beginnings(words, votes, known)
    return max(votes, key=lambda prefix: (votes[prefix], -len(prefix)), default="")


def _vote_for_beginnings(words: list[str], votes: Counter[str], known: Known) -> None:
    """Vote where another word stands inside the name as well."""
    for at in range(1, min(len(words), _MOST_WORDS)):
        rest = words[at:]
        if any(known(_DOT.join(_without(rest, (place,)))) for place in range(1, len(rest) - 1)):
            votes[_DOT.join(words[:at]) + _DOT] += 1
            return


def _after(name: str, prefix: str) -> str:
    """Return a name after the prefix, or after as many of its words as it has: a head may stand beside its body."""
    if name.startswith(prefix):
        return name[len(prefix) :]
    words, common = name.split(_DOT), 0
    for one, other in zip(words, prefix.split(_DOT), strict=False):
        if one != other:
            break
        common += 1
    return _DOT.join(words[common:]) or name


def _some(names: Iterable[str]) -> list[str]:
    names = list(names)
    return names[:: len(names) // _SAMPLE + 1]


def _inside(taken: set[str], names: Iterable[str], known: Known) -> set[str]:
    """Return words inside names without which these are known, and are not those of other tensors."""
    words: set[str] = set()
    refused: set[str] = set()
    for name in names:
        if name in taken:
            continue
        for dropped, rest in _ways(name, known):
            (refused if rest in taken else words).update(dropped)
    return words - refused


def _ways(name: str, known: Known) -> Iterable[tuple[list[str], str]]:
    """Yield the fewest words that can be dropped from the middle of a name, and what remains."""
    words = name.split(_DOT)
    middle = [at for at in range(1, min(len(words), _MOST_WORDS) - 1) if not words[at].isdecimal()]
    for amount in range(1, _MOST_INSIDE + 1):
        for places in combinations(middle, amount):
            rest = _DOT.join(_without(words, places))
            if known(rest):
                yield [words[at] for at in places], rest
                return


def _without(words: list[str], places: tuple[int, ...]) -> list[str]:
    return [word for at, word in enumerate(words) if at not in places]


def _dropped(name: str, words: set[str], known: Known) -> str:
    if not words or known(name):
        return name
    return next((rest for dropped, rest in _ways(name, known) if words.issuperset(dropped)), name)


def _whole_prefix(found: Mapping[str, str], prefix: str, marked: set[str]) -> str:
    """Return the prefix as it is stored, with the words of wrappers that it has in it."""
    stored = Counter(
        name[: -len(bare)] for name, bare in found.items() if name.endswith(bare) and len(name) > len(bare)
    )
    usual = stored.most_common(1)[0][0] if stored else prefix
    return usual if marked and _unmarked(usual + "x") == prefix + "x" else prefix


def _within(found: Mapping[str, str], marked: set[str]) -> set[str]:
    """Return which of the marked words stand after the first word that remains."""
    inside = set()
    for name, bare in found.items():
        words, first = name.split(_DOT), bare.split(_DOT)[0]
        after = words[words.index(first) :] if first in words else []
        inside |= marked.intersection(after)
    return inside
