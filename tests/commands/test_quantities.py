"""Quantities as they are typed: exact values, and refusals that help."""

import pytest

from gptcli.commands._quantities import Quantity, Rounded, parse_bytes, parse_count, parse_flops, parse_rounded_count
from gptcli.errors import InputError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24GB", 24 * 10**9),
        ("24GiB", 24 * 2**30),
        ("0.5TiB", 2**39),
        ("24gib", 24 * 2**30),
        ("24 GiB", 24 * 2**30),
        (" 1B ", 1),
        ("1kB", 1000),
        ("1KiB", 1024),
        ("1.1kB", 1100),
        ("0.1KiB", 102),  # 102.4 bytes: no tensor can use the rest
        ("1MB", 10**6),
        ("1MiB", 2**20),
        ("1TB", 10**12),
        ("2PB", 2 * 10**15),
        ("1PiB", 2**50),
        ("1e3MB", 10**9),
        ("1,024MiB", 2**30),
        ("8G", 8 * 2**30),
        ("8Gi", 8 * 2**30),
        ("8gi", 8 * 2**30),
        ("512m", 512 * 2**20),
        ("0.5T", 2**39),
        ("100 bytes", 100),
        ("1 byte", 1),
    ],
)
def test_bytes(text: str, expected: int) -> None:
    assert parse_bytes(text, "--budget").value == expected


@pytest.mark.parametrize(
    ("text", "unit", "assumed"),
    [
        ("24GB", "GB", False),
        ("24gib", "GiB", False),
        ("24Gi", "GiB", False),
        ("24G", "GiB", True),
        ("512m", "MiB", True),
        ("1k", "KiB", True),
        ("100B", "B", False),
        ("100 bytes", "B", False),
    ],
)
def test_the_unit_that_was_asked_is_kept(text: str, unit: str, assumed: bool) -> None:
    amount = parse_bytes(text, "--budget")
    assert (amount.unit, amount.assumed) == (unit, assumed)


def test_units_of_counts_and_flops_assume_nothing() -> None:
    assert parse_count("130m", "--budget") == Quantity(130 * 10**6, "M")
    assert parse_count("163009536", "--budget") == Quantity(163_009_536, "")
    assert parse_flops("2.5 PFLOPs", "--budget") == Quantity(25 * 10**14, "P")


def test_no_headroom_needs_no_unit() -> None:
    for text in ("0", "0B", "0GiB"):
        assert parse_bytes(text, "--headroom", zero=True).value == 0
    with pytest.raises(InputError, match="has no unit"):
        parse_bytes("1", "--headroom", zero=True)


def test_decimals_are_exact_where_floats_are_not() -> None:
    assert parse_bytes("9007199254740993B", "--budget").value == 2**53 + 1
    assert parse_count("0.000001M", "--budget").value == 1
    assert parse_count("1.000000001B", "--budget").value == 1_000_000_001


@pytest.mark.parametrize(
    "text",
    ["24", "-1GiB", "0GB", "0.0GiB", "nan", "nanGB", "inf", "", "GB", "24X", "24GIBB", "0", "0G", "0.5B"],
)
def test_bytes_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_bytes(text, "--budget")
    message = str(caught.value)
    assert message.startswith(f"--budget {text!r} ")
    assert "24GiB" in message


@pytest.mark.parametrize("text", ["1e999999999GB", "9" * 10_000 + "GB", "1e100GB", "٢٤GB", "1_0GB", "1..2GB", "0x1GB"])
def test_hostile_numbers_are_refused_at_once(text: str) -> None:
    with pytest.raises(InputError):
        parse_bytes(text, "--budget")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("130M", 130 * 10**6), ("1.5B", 1_500_000_000), ("163009536", 163_009_536), ("1e9", 10**9), ("2k", 2000)],
)
def test_counts(text: str, expected: int) -> None:
    assert parse_count(text, "--budget").value == expected


@pytest.mark.parametrize("text", ["1.5", "0", "-3M", "nan", "12Q", "130MB", ""])
def test_counts_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--why .*130M"):
        parse_count(text, "--why")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("163009536", Rounded(163_009_536, 1)),
        ("163,009,536", Rounded(163_009_536, 1)),
        ("137M", Rounded(137_000_000, 10**6)),
        ("124.44M", Rounded(124_440_000, 10**4)),
        ("1.5B", Rounded(1_500_000_000, 10**8)),
        ("0.1244398080B", Rounded(124_439_808, 1)),
        ("1.2e8", Rounded(120_000_000, 10**7)),
        ("1.24e2M", Rounded(124_000_000, 10**6)),
        ("50257*768", Rounded(38_597_376, 1)),
        ("12 x 768 \u00d7 768", Rounded(7_077_888, 1)),
    ],
)
def test_rounded_counts(text: str, expected: Rounded) -> None:
    assert parse_rounded_count(text, "--why") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e12", 10**12),
        ("1T", 10**12),
        ("2P", 2 * 10**15),
        ("2.5e15", 25 * 10**14),
        ("874944921600", 874_944_921_600),
        ("875 GFLOPs", 875 * 10**9),
        ("1EFLOP", 10**18),
    ],
)
def test_flops(text: str, expected: int) -> None:
    assert parse_flops(text, "--budget").value == expected


@pytest.mark.parametrize("text", ["0", "-1T", "nan", "1Q", "T", "flops", ""])
def test_flops_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--budget .*1e12"):
        parse_flops(text, "--budget")
