"""What a number of parameters may be the count of: the model by some convention, a part, a preset, a published name."""

from collections.abc import Iterable, Iterator
from enum import IntEnum, auto
from functools import cache
from math import prod

from msgspec import Struct
from msgspec.structs import replace

from gptcli.analysis.conventions import (
    Biases,
    combinations,
    conventions_in_use,
    count_by,
    deviations,
    names,
    own_convention,
    supposed_config,
    supposed_words,
)
from gptcli.analysis.params import count_parameters, count_tied_and_untied, params_report
from gptcli.analysis.published import PUBLISHED, PublishedName
from gptcli.architecture import Network
from gptcli.config import ModelConfig, load_config, preset_paths
from gptcli.reports.params import PartRow, WhyRow

_NEAREST = 5
# A number says something about another model if it is written in steps of at most a tenth of itself, and about a part
# of a model other than the one at hand if in steps of a thousandth.
_COARSEST, _COARSEST_OF_PARTS = 10, 1000
_KEPT_DIGITS = 1000  # of an exact number that ends in zeros three digits are never rounding
_SIZES = ("vocab_size", "context_length", "emb_dim", "n_heads", "n_layers")


class _Rank(IntEnum):
    """How likely something is meant, the likeliest first."""

    TOTAL = auto()
    OWN_NAME = auto()
    CONVENTION = auto()
    PART = auto()
    PRESET = auto()
    OTHER_NAME = auto()
    PRESET_CONVENTION = auto()
    SUPPOSED_PART = auto()
    PRESET_PART = auto()
    COMBINATION = auto()


# The word for each in a report.
_KINDS = {
    _Rank.TOTAL: "total",
    _Rank.OWN_NAME: "name",
    _Rank.CONVENTION: "convention",
    _Rank.PART: "part",
    _Rank.PRESET: "preset",
    _Rank.OTHER_NAME: "name",
    _Rank.PRESET_CONVENTION: "preset",
    _Rank.SUPPOSED_PART: "part",
    _Rank.PRESET_PART: "preset",
    _Rank.COMBINATION: "combination",
}
# Of these nothing new is said by one whose count was explained already.
_REPEATING = frozenset({_Rank.PRESET_CONVENTION, _Rank.SUPPOSED_PART, _Rank.PRESET_PART})
_FAR_PARTS = frozenset({_Rank.SUPPOSED_PART, _Rank.PRESET_PART})
_OF_PRESETS = frozenset({_Rank.PRESET, _Rank.PRESET_CONVENTION})


class _Candidate(Struct, frozen=True):
    """Something with a count.

    Attributes:
        rank: how likely it is meant; of one rank and order the closest comes first.
        words: what is said of it.
        count: its parameters.
        used_by: who counts so, or where it stands.
        also: other parts of that count.
        known_as: the number that stands for it, where that is a name and not its count.
        order: what goes before closeness among those of one rank.
    """

    rank: _Rank
    words: list[str]
    count: int
    used_by: str | None = None
    also: tuple[str, ...] = ()
    known_as: int | None = None
    order: int = 0


def why_rows(network: Network, number: int, step: int = 1) -> list[WhyRow]:
    """Return what has a number of parameters, the likeliest first.

    First comes the model itself, then what the literature and programs call its count, its parts, other presets, and
    last the combinations of conventions that nobody is known to use.

    Args:
        network: the described model.
        number: the count asked about.
        step: how finely it was written: 1 for an exact one, 10^6 for ``137M``; a count that rounds to it is a match.

    Returns:
        All matches, with how far the count is from the number as written. Where nothing has an exact number that ends
        in zeros, these are taken as rounding. Where still nothing matches, the nearest few, ``matches`` being false.
    """
    candidates = list(_candidates(network))
    for finest in dict.fromkeys((step, max(step, _step_of_zeros(number)))):
        found = [each for each in candidates if _matches(each, number, finest)]
        if found:
            found.sort(key=lambda each: (each.rank, each.order, abs(each.count - number)))
            return [_row(each, number, matches=True) for each in _without_repeats(found)]
    return [_row(each, number, matches=False) for each in _nearest(candidates, number)]


def rounds_to(value: int, number: int, step: int) -> bool:
    """Return whether a count rounds to a number: half a step off at most, so nothing where the step is 1."""
    return 2 * abs(value - number) <= step - step % 2


def _matches(candidate: _Candidate, number: int, step: int) -> bool:
    if candidate.known_as is not None:
        return candidate.known_as == number
    coarsest = _COARSEST_OF_PARTS if candidate.rank in _FAR_PARTS else _COARSEST if candidate.rank in _OF_PRESETS else 0
    return (step == 1 or step * coarsest <= number) and rounds_to(candidate.count, number, step)


def _step_of_zeros(number: int) -> int:
    """Return the power of ten that a number ends in, with three digits left to it."""
    step = 1
    while number % (10 * step) == 0 and number >= _KEPT_DIGITS * step:
        step *= 10
    return step


def _row(candidate: _Candidate, number: int, *, matches: bool) -> WhyRow:
    return WhyRow(
        conventions=candidate.words,
        parameters=candidate.count,
        residual=candidate.count - number,
        kind=_KINDS[candidate.rank],
        used_by=candidate.used_by,
        also=list(candidate.also),
        matches=matches,
    )


def _nearest(candidates: Iterable[_Candidate], number: int) -> list[_Candidate]:
    """Return the closest counts, each once: of conventions, parts of this model, and other presets."""
    nearest: dict[int, _Candidate] = {}
    for each in sorted(candidates, key=lambda each: (abs(each.count - number), each.rank, each.order)):
        if each.known_as is None and each.rank not in _FAR_PARTS:  # a name is near to nothing
            nearest.setdefault(each.count, each)
    return list(nearest.values())[:_NEAREST]


def _without_repeats(found: Iterable[_Candidate]) -> list[_Candidate]:
    kept: list[_Candidate] = []
    for each in found:
        if not any(_repeats(each, other) for other in kept):
            kept.append(each)
    return kept


def _repeats(candidate: _Candidate, other: _Candidate) -> bool:
    """Return whether something says nothing new beside what is likelier; what exists does, beside what is supposed."""
    exists = candidate.rank == _Rank.PRESET_PART and other.rank == _Rank.SUPPOSED_PART
    return candidate.rank in _REPEATING and candidate.count == other.count and not exists


def _candidates(network: Network) -> Iterator[_Candidate]:
    """Yield everything that has a count."""
    yield from _own(network)
    for name in PUBLISHED:
        yield _named(name, network)
    yield from _parts(network, _Rank.PART)
    yield from _supposed_parts(network)
    for preset, other in _presets().items():
        if replace(other, name=network.config.name) != network.config:
            yield from _of_preset(preset, network.of(other))


def _own(network: Network) -> Iterator[_Candidate]:
    """Yield the counts of a model by every convention, those in use as ``--conventions`` lists them."""
    in_use = conventions_in_use(network.config)
    for order, (convention, used_by) in enumerate(in_use.items()):
        rank = _Rank.TOTAL if convention == own_convention(network.config) else _Rank.CONVENTION
        yield _Candidate(rank, names(network.config, convention), count_by(network, convention), used_by, order=order)
    for convention in combinations(network.config):
        if convention not in in_use:
            words, count = names(network.config, convention), count_by(network, convention)
            yield _Candidate(_Rank.COMBINATION, words, count, order=deviations(network.config, convention))


def _named(name: PublishedName, network: Network) -> _Candidate:
    """Return a published name, with the count of what it names."""
    preset = _presets()[name.preset]
    own = all(getattr(preset, size) == getattr(network.config, size) for size in _SIZES)
    rank = _Rank.OWN_NAME if own else _Rank.OTHER_NAME
    changed = count_parameters(network.of(replace(preset, **name.changed)))
    if name.miscounted:
        source = f"{name.source}; {name.changed_words} would make {changed:,}"
        words = [name.words, f"preset {name.preset}"]
        return _Candidate(rank, words, count_parameters(network.of(preset)), source, known_as=name.number)
    words = [name.words, f"preset {name.preset} with {name.changed_words}"]
    return _Candidate(rank, words, changed, name.source, known_as=name.number)


def _supposed_parts(network: Network) -> Iterator[_Candidate]:
    """Yield the parts of the model with other biases, or with a padded vocabulary."""
    biases: tuple[Biases, ...] = ("qkv", "no qkv", "none")
    for bias in biases:
        for padded in (False, True):
            supposed = supposed_config(network.config, bias, padded=padded)
            changes = supposed_words(network.config, bias, padded=padded)
            for part in _parts(network.of(supposed), _Rank.SUPPOSED_PART):
                yield replace(part, words=[*part.words, *changes], order=len(changes))


def _of_preset(preset: str, network: Network) -> tuple[_Candidate, ...]:
    """Return the counts of a preset by the conventions in use, and its parts."""
    ranks = {_Rank.TOTAL: _Rank.PRESET, _Rank.CONVENTION: _Rank.PRESET_CONVENTION, _Rank.PART: _Rank.PRESET_PART}
    return tuple(
        replace(
            each,
            rank=ranks[each.rank],
            words=[f"{'total of ' if each.rank == _Rank.TOTAL else ''}preset {preset}", *each.words],
        )
        for each in (*_own(network), *_parts(network, _Rank.PART))
        if each.rank in ranks
    )


@cache
def _presets() -> dict[str, ModelConfig]:
    return {name: load_config(name, environ={}).config for name in preset_paths()}


def _parts(network: Network, rank: _Rank) -> Iterator[_Candidate]:
    """Yield every figure of ``gptcli params`` that is of a part; parts of one count are one."""
    same: dict[int, list[list[str]]] = {}
    for words, count in _each_part(params_report(network).parts):
        same.setdefault(count, []).append(words)
    totals = count_tied_and_untied(network)
    same.setdefault(totals.untied - totals.tied, []).append(["what tying the output head saves"])
    for count, (first, *others) in same.items():
        yield _Candidate(rank, first, count, also=tuple(", ".join(words) for words in others))


def _each_part(parts: Iterable[PartRow]) -> Iterator[tuple[list[str], int]]:
    """Yield words and count of parts, of what they are made of and of their tensors; of one, and of all blocks'."""
    for part in parts:
        if part.tied_to:
            continue
        yield from _one_and_all([f"{part.label} {part.path}"], part.count, part.times)
        if len(part.shapes) > 1:
            for tensor, shape in part.shapes.items():
                yield from _one_and_all([f"{part.label} {part.path}.{tensor}"], prod(shape), part.times)
        yield from _each_part(part.parts)


def _one_and_all(words: list[str], count: int, times: int) -> Iterator[tuple[list[str], int]]:
    if times == 1:
        yield words, count
        return
    yield [*words, f"one of {times}"], count
    yield [*words, f"all {times}"], count * times
