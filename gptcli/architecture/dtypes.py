"""Number formats by the names people type, with their size; torch's own objects are looked up in `gptcli.model`."""

from math import ceil

from gptcli.errors import InputError, did_you_mean

BITS: dict[str, int] = {"fp32": 32, "fp16": 16, "bf16": 16, "int8": 8, "int4": 4}
COMPUTE_DTYPES = ("fp32", "fp16", "bf16")


def check_dtype(name: str, choices: tuple[str, ...]) -> None:
    """Refuse a name that is not among the choices.

    Raises:
        InputError: with the choices and the nearest of them.
    """
    if name not in choices:
        raise InputError(f"unknown dtype '{name}'{did_you_mean(name, choices)}; choices are {', '.join(choices)}")


def bytes_of(numbers: int, dtype: str) -> int:
    """Return the bytes that so many numbers take; half a byte at the end of int4 counts as one."""
    return ceil(numbers * BITS[dtype] / 8) if BITS[dtype] % 8 else numbers * (BITS[dtype] // 8)
