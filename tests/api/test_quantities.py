"""Quantities as they are typed: exact values, and refusals that help."""

import pytest

from gptcli.api.quantities import (
    Quantity,
    Rounded,
    parse_bytes,
    parse_count,
    parse_flops,
    parse_peak,
    parse_rounded_count,
    parse_speed,
)
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
        (".5G", 2**29),
        ("5.G", 5 * 2**30),
        ("+8G", 8 * 2**30),
        ("1e-3TB", 10**9),
        ("1EB", 10**18),
        ("1EiB", 2**60),
        ("2e", 2**61),
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


@pytest.mark.parametrize(
    ("text", "as_bits"), [("8Gb", True), ("8Gib", True), ("8 Mb", True), ("8GB", False), ("8gb", False), ("8b", False)]
)
def test_what_is_spelled_as_bits_is_known(text: str, as_bits: bool) -> None:
    assert parse_bytes(text, "--budget").as_bits is as_bits


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


@pytest.mark.parametrize(
    ("text", "zero", "reason"),
    [
        ("-1GiB", False, "is not a number above zero"),
        ("-1GiB", True, "is below zero; write for example 24GiB, 24GB or 0.5TiB, or 0"),
        ("1e400GiB", False, "has more digits than are read"),
        ("9" * 31 + "GiB", True, "has more digits than are read"),
        ("24GiB!", False, "is not a number with a unit"),
        (".", False, "is not a number above zero"),
        ("x", True, "is not a number;"),
    ],
)
def test_the_reason_of_a_refusal_is_true(text: str, zero: bool, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_bytes(text, "--headroom", zero=zero)
    assert str(caught.value).startswith(f"--headroom {text!r} {reason}")


@pytest.mark.parametrize("text", ["1e999999999GB", "9" * 10_000 + "GB", "1e100GB", "٢٤GB", "1_0GB", "1..2GB", "0x1GB"])
def test_hostile_numbers_are_refused_at_once(text: str) -> None:
    with pytest.raises(InputError):
        parse_bytes(text, "--budget")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("130M", 130 * 10**6),
        ("1.5B", 1_500_000_000),
        ("163009536", 163_009_536),
        ("1e9", 10**9),
        ("2k", 2000),
        ("163 million", 163 * 10**6),
    ],
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
        ("4x768x768+3072", Rounded(2_362_368, 1)),
        ("4 * 768 * 768 + 3072 parameters", Rounded(2_362_368, 1)),
        ("1.24e+8", Rounded(124_000_000, 10**6)),
        ("163M params", Rounded(163_000_000, 10**6)),
        ("163.0 million", Rounded(163_000_000, 10**5)),
        ("163009536 parameters", Rounded(163_009_536, 1)),
        ("+5.M", Rounded(5_000_000, 10**6)),
        ("124440e-3M", Rounded(124_440_000, 1000)),
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


@pytest.mark.parametrize("text", ["621.83MiB", "622MB", "24 KiB", "3*24GiB"])
def test_bytes_are_no_count(text: str) -> None:
    with pytest.raises(InputError, match=r"is in bytes, and parameters are counted; .*130M.* ask 'gptcli memory'"):
        parse_rounded_count(text, "--why")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("14000", 14e3), ("100k", 1e5), ("100,000", 1e5), ("0.5", 0.5), ("1.5e-3", 0.0015), ("14k tokens/s", 14e3)],
)
def test_speeds(text: str, expected: float) -> None:
    assert parse_speed(text, "--tokens-per-second") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("312", 312),
        ("312T", 312),
        ("312 TFLOPS", 312),
        ("1.2P", 1200),
        ("500 GFLOP/s", 0.5),
        ("312e12 FLOPS", 312),
        ("0.5", 0.5),
    ],
)
def test_peaks(text: str, expected: float) -> None:
    assert parse_peak(text, "--peak-tflops") == expected


@pytest.mark.parametrize("text", ["0", "-1T", "nan", "1Q", "T", "flops", ""])
def test_flops_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--budget .*1e12"):
        parse_flops(text, "--budget")
