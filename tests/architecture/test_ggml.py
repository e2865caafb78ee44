"""The blocks of ggml's types, against the package that llama.cpp's own converter uses."""

import pytest

from gptcli.architecture.ggml import BY_ID, REMOVED, TYPES


@pytest.mark.parity
def test_blocks_are_those_of_the_package() -> None:
    gguf = pytest.importorskip("gguf")
    theirs = {type_.name: (int(type_), *sizes) for type_, sizes in gguf.GGML_QUANT_SIZES.items()}
    del theirs["Q8_1"]  # never in files; the package has the size of 2023, ggml-common.h another
    ours = {name: (each.id, each.numbers, each.bytes) for name, each in TYPES.items()}
    assert theirs.items() <= ours.items()
    assert ours.keys() - theirs.keys() <= {"Q8_1", "Q2_0"}, "newer than the package"


@pytest.mark.parametrize(
    ("name", "numbers", "bytes_"), [("Q4_K", 256, 144), ("Q6_K", 256, 210), ("Q8_0", 32, 34), ("MXFP4", 32, 17)]
)
def test_what_everybody_knows_of_them(name: str, numbers: int, bytes_: int) -> None:
    assert (TYPES[name].numbers, TYPES[name].bytes) == (numbers, bytes_)


def test_a_row_is_whole_blocks() -> None:
    assert TYPES["Q8_0"].blocks(3, 64) == 6
    assert TYPES["Q8_0"].blocks(3, 65) == 9
    assert TYPES["F32"].blocks(3, 65) == 195


def test_numbers_of_types_are_given_once() -> None:
    assert len(BY_ID) == len(TYPES)
    assert not BY_ID.keys() & REMOVED.keys()
