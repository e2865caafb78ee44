"""Devices by the names people type."""

import re

from gptcli.errors import InputError, did_you_mean

AUTO = "auto"
CHOICES = (AUTO, "cpu", "cuda")

_CARD = re.compile(r"(?:cuda|gpu|nvidia)(?::?(?P<number>[0-9]{1,3}))?")
_APPLE = ("mps", "metal", "apple", "mlx")


def device_named(name: str) -> str:
    """Return ``auto``, ``cpu`` or ``cuda`` for a name in any usual spelling: ``GPU``, ``cuda:0``, ``nvidia``.

    Raises:
        InputError: another device, or a card other than the first; with the way out.
    """
    kind, number = _read(name)
    if number:
        raise InputError(
            f"--device {name}: gptcli runs on the first card that it sees; "
            f"set CUDA_VISIBLE_DEVICES={number} and use --device cuda"
        )
    return kind


def rules_device_named(name: str) -> str:
    """Return the same where nothing is run: the rules are those of every card, so each number means ``cuda``.

    Raises:
        InputError: another device; with the way out.
    """
    return _read(name)[0]


def _read(name: str) -> tuple[str, int]:
    """Return the device and the card's number, 0 where none is given."""
    spelled = name.strip().lower()
    card = _CARD.fullmatch(spelled)
    if card is not None:
        return "cuda", int(card["number"] or 0)
    if spelled in (*CHOICES, "cpu:0"):
        return spelled.partition(":")[0], 0
    if spelled.partition(":")[0] in _APPLE:
        raise InputError(
            f"--device {name}: not supported: nothing here was ever run or measured on Apple's MPS; use --device cpu"
        )
    raise InputError(f"unknown device '{name}'{did_you_mean(name, CHOICES)}; choices are {', '.join(CHOICES)}")
