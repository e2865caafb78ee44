"""What the processor has instructions for, as Linux lists it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from gptcli import processor

LINES = "processor\t: 0\nvendor_id\t: Some\nflags\t\t: fpu sse {}\nbugs\t\t: none\n"


@pytest.fixture(autouse=True)
def _asked_again() -> Iterator[None]:
    processor._listed.cache_clear()
    yield
    processor._listed.cache_clear()


@pytest.mark.parametrize(
    ("machine", "flags", "bf16", "fp16"),
    [
        ("x86_64", "avx2", True, True),
        ("x86_64", "avx512_bf16", False, True),
        ("x86_64", "amx_bf16 avx512_fp16", False, False),
        ("aarch64", "avx2", False, False),
    ],
)
def test_what_lacks_instructions(
    machine: str, flags: str, bf16: bool, fp16: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    listed = tmp_path / "cpuinfo"
    listed.write_text(LINES.format(flags))
    monkeypatch.setattr(processor, "_CPUINFO", listed)
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert (processor.lacks_instructions("bf16"), processor.lacks_instructions("fp16")) == (bf16, fp16)
    assert not processor.lacks_instructions("fp32")


def test_where_nothing_is_listed_nothing_is_known_to_be_lacking(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "none")
    assert not processor.lacks_instructions("bf16")


@pytest.mark.skipif(not hasattr(torch.cpu, "get_capabilities"), reason="this torch does not list instructions")
@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_torch_finds_the_same_on_this_machine(dtype: str) -> None:
    """Where both see the same units: a kernel can hide some, and torch may name them otherwise one day."""
    found = torch.cpu.get_capabilities()
    instructions = {key for keys in processor._INSTRUCTIONS.values() for key in keys}
    listed = processor._listed("flags")
    if found.get("architecture") != "x86_64" or not instructions <= found.keys() or not listed:
        pytest.skip("not Linux on x86-64, or torch has other names")
    if (found.get("avx512_f"), found.get("amx_tile")) != ("avx512f" in listed, "amx_tile" in listed):
        pytest.skip("the system hides instructions that torch finds")
    assert processor.lacks_instructions(dtype) == (not any(found[key] for key in processor._INSTRUCTIONS[dtype]))


@pytest.mark.parametrize(
    ("lines", "known"),
    [(LINES, True), (LINES.replace("Some", "GenuineIntel"), False), (LINES.replace("vendor_id", "maker"), False)],
)
def test_another_maker_is_one_that_the_system_names(
    lines: str, known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(lines)
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "cpuinfo")
    assert processor.is_not_intel() == known
