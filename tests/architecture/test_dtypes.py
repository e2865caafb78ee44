"""Number formats in the spellings of other programs."""

import pytest

from gptcli.architecture.dtypes import BITS, compute_dtype, dtype_named, weight_dtype
from gptcli.errors import InputError

SPELLINGS = {
    "fp32": ["fp32", "FP32", "float32", "torch.float32", "float", "f32", "single", "np.float32", " fp32 ", "fp-32"],
    "fp16": ["fp16", "float16", "half", "torch.half", "f16", "Float16"],
    "bf16": ["bf16", "bfloat16", "torch.bfloat16", "BFloat16", "jnp.bfloat16", "bf-16", "bfloat_16"],
    "int8": ["int8", "torch.int8", "i8", "8bit", "8-bit"],
    "int4": ["int4", "4bit", "INT4"],
}


@pytest.mark.parametrize(("expected", "spelled"), [(key, text) for key, texts in SPELLINGS.items() for text in texts])
def test_spellings(expected: str, spelled: str) -> None:
    assert weight_dtype(spelled) == expected


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("flaot32", "unknown dtype 'flaot32' (did you mean 'float32'?); choices are fp32, fp16, bf16"),
        ("bf61", "unknown dtype 'bf61'; choices are"),
        ("fp64", "unknown dtype 'fp64'; choices are fp32, fp16, bf16"),  # another format, no slip of the hand
        ("double", "unknown dtype 'double'; choices are"),
        ("tf32", "unknown dtype 'tf32'"),
        ("", "unknown dtype ''; choices are"),
        ("int8", "dtype 'int8' is for weights in 'gptcli memory' and 'gptcli fit'; here choices are fp32, fp16, bf16"),
    ],
)
def test_other_names_are_refused_with_the_choices(name: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        compute_dtype(name)
    assert str(caught.value).startswith(told)


def test_what_a_hint_names_is_understood() -> None:
    for spelled in (text for texts in SPELLINGS.values() for text in texts):
        assert dtype_named(spelled, tuple(BITS)) in BITS
