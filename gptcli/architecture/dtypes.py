"""Number formats by the names people type, with their size; torch's own objects are looked up in `gptcli.model`."""

from gptcli.errors import InputError, closest, did_you_mean

BITS: dict[str, int] = {"fp32": 32, "fp16": 16, "bf16": 16, "int8": 8, "int4": 4}
COMPUTE_DTYPES = ("fp32", "fp16", "bf16")
# Numbers alone, as these are named; what scales take, the formats of `gptcli.architecture.formats` say.
CACHE_BITS = {"fp32": 32, "bf16": 16, "fp16": 16, "fp8": 8, "int8": 8, "int4": 4}

# Other programs' names of the same formats, in small letters and without what joins words.
_SPELLINGS = {
    **dict.fromkeys(("float32", "float", "f32", "single"), "fp32"),
    **dict.fromkeys(("float16", "half", "f16"), "fp16"),
    **dict.fromkeys(("bfloat16", "bfloat"), "bf16"),
    **dict.fromkeys(("i8", "8bit"), "int8"),
    **dict.fromkeys(("i4", "4bit"), "int4"),
}


def dtype_named(name: str, choices: tuple[str, ...]) -> str:
    """Return the format of a name in any usual spelling: ``float32``, ``torch.bfloat16``, ``BF16``, ``half``.

    Raises:
        InputError: none of the choices; with all of them, and the nearest.
    """
    spelled = _bare(name)
    found = _SPELLINGS.get(spelled, spelled)
    if found in choices:
        return found
    choose = f"choices are {', '.join(choices)}"
    if found in BITS or _is_format(name):
        raise InputError(f"dtype '{name}' is for weights in 'gptcli memory' and 'gptcli fit'; here {choose}")
    raise InputError(f"unknown dtype '{name}'{_hint(spelled, choices)}; {choose}")


def compute_dtype(name: str) -> str:
    """Return the format of a name, of those that matrix products run in; raises as `dtype_named`."""
    return dtype_named(name, COMPUTE_DTYPES)


def weight_dtype(name: str) -> str:
    """Return the format of a name, of all that weights are kept in, as `format_named` reads it again.

    Raises:
        InputError: there is no such format; with all of them, and the nearest.
    """
    from gptcli.architecture.formats import format_named, format_names

    chosen = format_named(name)
    if chosen is not None:
        return str(chosen)
    spelled = _bare(name)
    found = _SPELLINGS.get(spelled, spelled)
    if found in BITS:
        return found
    hint = _hint(spelled, tuple(BITS)) or did_you_mean(name, format_names())
    choices = f"choices are {', '.join(BITS)}, or with scales counted {', '.join(format_names())}"
    raise InputError(f"unknown dtype '{name}'{hint}; {choices}")


def cache_dtype(name: str) -> str:
    """Return the format of a name, of those that keys and values are kept in; raises as `dtype_named`."""
    return dtype_named(name, tuple(CACHE_BITS))


def bytes_of(numbers: int, dtype: str) -> int:
    """Return the bytes that so many numbers take; half a byte at the end of int4 counts as one."""
    bits = BITS.get(dtype) or CACHE_BITS[dtype]
    return -(-numbers * bits // 8)


def _is_format(name: str) -> bool:
    from gptcli.architecture.formats import format_named

    try:
        return format_named(name) is not None
    except InputError:
        return True


def _bare(name: str) -> str:
    """``torch.bfloat16`` -> ``bfloat16``, ``bf-16`` -> ``bf16``."""
    last = name.strip().lower().rpartition(".")[2]
    return last.replace("-", "").replace("_", "").replace(" ", "")


def _hint(spelled: str, choices: tuple[str, ...]) -> str:
    """Return the nearest choice; not where the digits differ, as fp64 is another format and no slip of the hand."""
    near = closest(spelled, (*choices, *(name for name, meant in _SPELLINGS.items() if meant in choices)))
    same_size = near is not None and _digits(near) == _digits(spelled)
    return f" (did you mean '{near}'?)" if same_size else ""


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))
