"""Devices in the spellings of other programs."""

import pytest

from gptcli.architecture.devices import device_named, rules_device_named
from gptcli.errors import InputError


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [
        ("auto", "auto"),
        ("cpu", "cpu"),
        ("CPU", "cpu"),
        ("cpu:0", "cpu"),
        ("cuda", "cuda"),
        ("gpu", "cuda"),
        ("GPU", "cuda"),
        ("cuda:0", "cuda"),
        ("cuda0", "cuda"),
        ("nvidia", "cuda"),
    ],
)
def test_spellings(spelled: str, expected: str) -> None:
    assert device_named(spelled) == rules_device_named(spelled) == expected


@pytest.mark.parametrize("spelled", ["mps", "MPS", "mps:0", "metal"])
def test_apple_is_refused_with_a_reason(spelled: str) -> None:
    for read in (device_named, rules_device_named):
        with pytest.raises(InputError, match=rf"^--device {spelled}: not supported: .*; use --device cpu$"):
            read(spelled)


def test_another_card_is_chosen_as_cuda_has_it() -> None:
    with pytest.raises(InputError, match=r"set CUDA_VISIBLE_DEVICES=2 and use --device cuda$"):
        device_named("cuda:2")
    assert rules_device_named("cuda:2") == "cuda"


@pytest.mark.parametrize("name", ["", "cdua", "xpu", "cuda:", "cuda:x", "cuda:-1"])
def test_other_names_are_refused_with_the_choices(name: str) -> None:
    with pytest.raises(InputError, match=f"^unknown device '{name}'.*; choices are auto, cpu, cuda$"):
        device_named(name)
