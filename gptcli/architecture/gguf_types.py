"""The types that llama.cpp gives the tensors of a model, by the name of the file's type: ``Q4_K_M``.

Rules of ggml-org/llama.cpp, ``src/llama-quant.cpp``, from which the functions are named here: what stays as it is
(``tensor_allows_quantization``), the type of each tensor (``llama_tensor_get_type_impl``), and another type where a row
is no whole number of blocks (``tensor_type_fallback``). What stays is in F32 (``ModelBase.prepare_tensors`` of
``conversion/base.py``). Files made before 2026 have fused query, key and value in a type of their own: Q5_K in Q4_K_M.

IQ1, IQ2, IQ3_XXS and Q2_K_S need an importance matrix, and are taken to have had one; the others not.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from gptcli.architecture.ggml import TYPES, BlockType
from gptcli.architecture.quantizable import Facts, Purpose, Quantizable
from gptcli.errors import InputError

Where = Literal["all", "more", "first 2", "first 4", "first eighth", "first sixteenth", "middle"]
When = Literal["", "grouped", "eight experts", "not falcon", "falcon", "grouped or experts"]


class Mix(Struct, frozen=True):
    """A rule: tensors of a purpose, in some layers, of some models, have a type other than the file's."""

    purpose: Purpose
    type: str
    where: Where = "all"
    when: When = ""


class FileType(Struct, frozen=True):
    """What ``llama-quantize`` makes of a model under a name.

    Attributes:
        name: in small letters.
        type: of a tensor without a rule.
        mix: rules for tensors in the layers; the first that fits holds.
        table: of the token table, where the head has a matrix of its own; empty for ``type``.
        head: of the head; empty for Q6_K.
        source: where the rules are from.
    """

    name: str
    type: str
    mix: tuple[Mix, ...] = ()
    table: str = ""
    head: str = ""
    source: str = "llama.cpp, src/llama-quant.cpp: llama_tensor_get_type_impl; blocks: ggml/src/ggml-common.h"

    def __str__(self) -> str:
        """Return what people type."""
        return self.name


_FUSED_OR_VALUE: tuple[Purpose, ...] = ("query, key, value", "value")


def _values(type_: str, where: Where = "all", when: When = "") -> tuple[Mix, ...]:
    """Rules for values, which hold for query, key and value in one tensor too (``category_is_attn_v``)."""
    return tuple(Mix(purpose, type_, where, when) for purpose in _FUSED_OR_VALUE)


_FIVE_FOR_EIGHT_EXPERTS = (Mix("attention output", "Q5_K", when="eight experts"),)
_SMALL = (
    Mix("key", "Q4_K", when="eight experts"),
    *_FIVE_FOR_EIGHT_EXPERTS,
    *_values("Q4_K", when="grouped or experts"),
)
_TINY = (*_SMALL, *_values("Q2_K"), Mix("down", "Q2_K", "first eighth"))
_TINIEST = (*_TINY, Mix("attention output", "IQ2_XXS"))
_LESS_SMALL = (*_SMALL, *_values("IQ3_S"), Mix("down", "IQ3_S", "first eighth"), Mix("attention output", "IQ3_S"))
_IQ4 = (*_FIVE_FOR_EIGHT_EXPERTS, *_values("Q5_K", when="grouped"), Mix("down", "Q5_K", "first eighth"))

_FILE_TYPES = (
    FileType("q4_0", "Q4_0"),
    FileType("q4_1", "Q4_1"),
    FileType("q5_0", "Q5_0"),
    FileType("q5_1", "Q5_1"),
    FileType("q8_0", "Q8_0", head="Q8_0"),
    FileType(
        "q2_k",
        "Q2_K",
        (
            *_FIVE_FOR_EIGHT_EXPERTS,
            *_values("Q4_K", when="grouped"),
            *_values("Q3_K"),
            Mix("down", "Q3_K"),
            Mix("attention output", "Q3_K", when="not falcon"),
        ),
    ),
    FileType("q2_k_s", "Q2_K", (*_values("Q4_K", when="grouped"), Mix("down", "Q4_K", "first eighth"))),
    FileType("q3_k_s", "Q3_K", _FIVE_FOR_EIGHT_EXPERTS),
    FileType(
        "q3_k_m",
        "Q3_K",
        (
            *_FIVE_FOR_EIGHT_EXPERTS,
            *_values("Q5_K", "first 2"),
            *_values("Q4_K"),
            Mix("down", "Q5_K", "first sixteenth"),
            Mix("down", "Q4_K", when="not falcon"),
            Mix("down", "Q4_K", "more"),
            Mix("attention output", "Q4_K", when="not falcon"),
        ),
    ),
    FileType(
        "q3_k_l",
        "Q3_K",
        (
            *_values("Q5_K"),
            Mix("down", "Q4_K", when="falcon"),
            Mix("down", "Q5_K"),
            Mix("attention output", "Q4_K", when="falcon"),
            Mix("attention output", "Q3_K", when="eight experts"),
            Mix("attention output", "Q5_K"),
        ),
    ),
    FileType(
        "q4_k_s",
        "Q4_K",
        (
            *_FIVE_FOR_EIGHT_EXPERTS,
            *_values("Q5_K", "first 4"),
            Mix("down", "Q5_K", "first eighth", "not falcon"),
        ),
    ),
    FileType(
        "q4_k_m",
        "Q4_K",
        (
            *_FIVE_FOR_EIGHT_EXPERTS,
            *_values("Q6_K", "more"),
            Mix("down", "Q6_K", "first sixteenth", "falcon"),
            Mix("down", "Q5_K", "more", "falcon"),
            Mix("down", "Q6_K", "more", "not falcon"),
        ),
    ),
    FileType("q5_k_s", "Q5_K"),
    FileType("q5_k_m", "Q5_K", (*_values("Q6_K", "more"), Mix("down", "Q6_K", "more"))),
    FileType("q6_k", "Q6_K"),
    FileType("iq1_s", "IQ1_S", _TINIEST, table="Q2_K", head="Q5_K"),
    FileType("iq1_m", "IQ1_M", _TINIEST, table="Q2_K", head="Q5_K"),
    FileType("iq2_xxs", "IQ2_XXS", _TINY, table="Q2_K", head="Q5_K"),
    FileType("iq2_xs", "IQ2_XS", _TINY, table="Q2_K", head="Q5_K"),
    FileType("iq2_s", "IQ2_XS", _LESS_SMALL, table="IQ3_S", head="Q5_K"),
    FileType("iq2_m", "IQ2_S", _LESS_SMALL, table="IQ3_S", head="Q5_K"),
    FileType(
        "iq3_xxs",
        "IQ3_XXS",
        (
            *_FIVE_FOR_EIGHT_EXPERTS,
            *_values("Q4_K", when="grouped"),
            Mix("key", "IQ2_S"),
            Mix("query", "IQ2_S"),
            Mix("attention output", "IQ3_S", when="not falcon"),
        ),
        table="IQ3_S",
        head="Q5_K",
    ),
    FileType(
        "iq3_xs",
        "IQ3_S",
        (
            *_FIVE_FOR_EIGHT_EXPERTS,
            *_values("Q4_K", when="grouped"),
            Mix("key", "IQ3_XXS"),
            Mix("query", "IQ3_XXS"),
            Mix("gate", "IQ3_XXS", "middle"),
            Mix("up", "IQ3_XXS", "middle"),
        ),
    ),
    FileType("iq3_s", "IQ3_S", (*_FIVE_FOR_EIGHT_EXPERTS, *_values("Q4_K", when="grouped"))),
    FileType(
        "iq3_m",
        "IQ3_S",
        (
            *_FIVE_FOR_EIGHT_EXPERTS,
            *_values("Q4_K"),
            Mix("down", "Q4_K", "first eighth"),
            Mix("down", "Q4_K", "more", "eight experts"),
            Mix("attention output", "Q4_K", when="not falcon"),
        ),
    ),
    FileType("iq4_nl", "IQ4_NL", _IQ4),
    FileType("iq4_xs", "IQ4_XS", _IQ4),
    FileType("tq1_0", "TQ1_0", table="Q4_K"),
    FileType("tq2_0", "TQ2_0", table="Q4_K"),
    FileType("mxfp4_moe", "Q8_0", head="Q8_0"),
)
FILE_TYPES: dict[str, FileType] = {row.name: row for row in _FILE_TYPES}
ALIASES = {"q3_k": "q3_k_m", "q4_k": "q4_k_m", "q5_k": "q5_k_m"}  # llama.cpp, tools/quantize: QUANT_OPTIONS

_SMALLEST = ("iq1_s", "iq1_m", "iq2_xxs", "iq2_xs", "iq2_s", "iq2_m")
_LEFT: tuple[Purpose, ...] = ("vector", "position table", "router")
_EIGHT = 8
_GROUPED = 4
_OF_70B = 80  # layers of the 70B models, whose keys are shared

# For a type whose blocks do not make up a row; then F16.
_FALLBACK = {
    **dict.fromkeys(("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_XS"), "IQ4_NL"),
    **dict.fromkeys(("Q2_K", "Q3_K", "TQ1_0", "TQ2_0"), "Q4_0"),
    "Q4_K": "Q5_0",
    "Q5_K": "Q5_1",
    "Q6_K": "Q8_0",
}


def types_of(file: FileType, weight: Quantizable, facts: Facts) -> dict[BlockType, int]:
    """Return how many of a weight's layers have which type.

    Raises:
        InputError: llama.cpp has no type for rows of such a length.
    """
    if weight.purpose in _LEFT:
        return {TYPES["F32"]: weight.times}
    found: Counter[BlockType] = Counter()
    for name, amount in _chosen(file, weight, facts):
        if amount:
            found[_that_fits(name, weight)] += amount
    return dict(found)


def _that_fits(name: str, weight: Quantizable) -> BlockType:
    if weight.columns % TYPES[name].numbers == 0:
        return TYPES[name]
    if name not in _FALLBACK:
        raise InputError(
            f"{weight.path}: its rows of {weight.columns:,} numbers are no whole blocks of {TYPES[name].numbers} in "
            f"{name}, and llama.cpp quantises no such model; use --dtype bf16, or a format with K in its name"
        )
    other = TYPES[_FALLBACK[name]]
    return other if weight.columns % other.numbers == 0 else TYPES["F16"]


def _chosen(file: FileType, weight: Quantizable, facts: Facts) -> Iterator[tuple[str, int]]:
    if weight.purpose == "head" or (weight.purpose == "token table" and facts.tied):
        yield _of_head(file, weight, facts), weight.times
    elif file.name == "mxfp4_moe":
        # Three axes are taken for experts', those of a latent's heads too.
        yield "MXFP4" if weight.matrices > 1 else file.type, weight.times
    elif weight.purpose == "token table":
        yield file.table or file.type, weight.times
    else:
        yield from _in_layers(file, weight, facts)


def _of_head(file: FileType, weight: Quantizable, facts: Facts) -> str:
    if facts.falcon or weight.columns % TYPES[file.type].numbers:
        return "Q8_0"
    return file.head or "Q6_K"


def _in_layers(file: FileType, weight: Quantizable, facts: Facts) -> Iterator[tuple[str, int]]:
    if facts.experts == _EIGHT and weight.purpose in (*_FUSED_OR_VALUE, "key") and file.name not in _SMALLEST:
        yield "Q8_0", weight.times
        return
    given = 0
    for rule in file.mix:
        if rule.purpose == weight.purpose and _holds(rule.when, facts):
            # Of two rules for one purpose, the layers of one lie in those of the other: see the test of the table.
            chosen = max(0, _amount(_layers(rule.where, facts.layers), weight.layers or ()) - given)
            given += chosen
            yield _raised(rule.type, file, weight, facts), chosen
    yield _raised(file.type, file, weight, facts), weight.times - given


def _raised(type_: str, file: FileType, weight: Quantizable, facts: Facts) -> str:
    """The 70B models' values are small, as eight heads share them, and get more bits."""
    shared = facts.layers == _OF_70B and facts.grouping > 1 and weight.purpose in _FUSED_OR_VALUE
    return "Q5_K" if shared and type_ in ("Q3_K", "Q4_K") and file.name not in _SMALLEST else type_


def _holds(when: When, facts: Facts) -> bool:
    return {
        "": True,
        "grouped": facts.grouping >= _GROUPED,
        "grouped or experts": facts.grouping >= _GROUPED or facts.experts >= _GROUPED,
        "eight experts": facts.experts == _EIGHT and not facts.falcon,
        "falcon": facts.falcon,
        "not falcon": not facts.falcon,
    }[when]


def _layers(where: Where, depth: int) -> tuple[range, ...]:
    """Return the numbers of the layers that a rule is for; ``more`` is llama.cpp's ``use_more_bits``."""
    eighth, last = depth // 8, 7 * depth // 8
    return {
        "all": (range(depth),),
        "more": (range(eighth), range(eighth + 2, last, 3), range(last, depth)),
        "first 2": (range(2),),
        "first 4": (range(4),),
        "first eighth": (range(eighth),),
        "first sixteenth": (range(depth // 16),),
        "middle": (range(eighth, last),),
    }[where]


def _amount(chosen: tuple[range, ...], layers: tuple[range, ...]) -> int:
    """Return how many of the layers, which lie in a row, are chosen: at a cost that does not depend on their number."""
    return sum(_shared(some, row) for some in chosen for row in layers)


def _shared(some: range, row: range) -> int:
    skipped = max(0, -(-(row.start - some.start) // some.step))
    return len(range(some.start + skipped * some.step, min(some.stop, row.stop), some.step))
