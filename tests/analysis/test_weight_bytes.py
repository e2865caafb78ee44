"""Formats with scales in the estimate: the ledger, the peak, the search for what fits, and the cache's own format."""

import pytest
from msgspec.structs import replace

from gptcli.analysis.memory import checked_options, kv_cache_bytes, memory_report
from gptcli.analysis.passes import swept
from gptcli.analysis.peaks import Peaks
from gptcli.analysis.weight_bytes import weights_bytes
from gptcli.analysis.workload import Workload
from gptcli.architecture import describe
from gptcli.architecture.formats import format_names
from gptcli.config import ModelConfig, load_config
from gptcli.errors import InputError

CONFIG = ModelConfig(vocab_size=300, context_length=64, emb_dim=256, n_heads=4, n_layers=9)
GPT2 = load_config("gpt2", environ={}).config


@pytest.mark.parametrize("dtype", format_names())
@pytest.mark.parametrize("mode", ["inference", "generate"])
def test_the_ledger_holds_what_the_weights_take(dtype: str, mode: str) -> None:
    network = describe(CONFIG)
    report = memory_report(network, Workload(tokens=8, mode=mode, dtype=dtype), explain=True)  # type: ignore[arg-type]
    assert report.weights_ledger is not None
    assert sum(line.bytes for line in report.weights_ledger) == report.weights_bytes
    alive = {line.label: line for line in report.ledger}
    assert [alive[line.label] for line in report.weights_ledger] == report.weights_ledger
    assert sum(line.bytes for line in report.ledger) == report.peak_bytes
    assert "Scales of the weights" in alive
    assert report.explanations is not None
    by_name = {line.name: line.value for line in report.explanations}
    assert by_name["Weights"] == report.weights_bytes
    assert by_name["Peak: Scales of the weights"] == alive["Scales of the weights"].bytes
    assert report.activation_dtype == "bf16"


def test_gpt_2_by_hand() -> None:
    """Of 12 layers those with more bits are 0, 3, 6, 9, 10, 11; a tied table is the head, in Q6_K."""
    blocks = {"Q4_K": 144, "Q6_K": 210}
    half = 6 * (blocks["Q4_K"] + blocks["Q6_K"])
    width = 768
    fused, down = 3 * width * width // 256, 4 * width * width // 256
    out, up = width * width // 256, 4 * width * width // 256
    vectors = 12 * (2 * 2 * width + 3 * width + width + 4 * width + width) + 2 * width
    expected = (
        50257 * width // 256 * blocks["Q6_K"]
        + half * (fused + down)
        + 12 * blocks["Q4_K"] * (out + up)
        + 4 * (1024 * width + vectors)
    )
    assert weights_bytes(describe(GPT2), "q4_k_m") == expected


@pytest.mark.parametrize("dtype", ["q4_k_m", "awq"])
@pytest.mark.parametrize("tied", [True, False])
def test_both_ways_of_the_head_are_listed(dtype: str, tied: bool) -> None:
    network = describe(replace(CONFIG, weight_tying=tied))
    report = memory_report(network, Workload(tokens=8, dtype=dtype))
    row = report.dtypes[-1]
    assert row.dtype == dtype
    assert (row.tied_bytes if tied else row.untied_bytes) == report.weights_bytes
    assert row.tied_bytes < row.untied_bytes
    assert row.bits == round(8 * report.weights_bytes / report.parameters, 3)
    assert [each.dtype for each in memory_report(network, Workload(tokens=8)).dtypes][-1] == "int4"


def test_peaks_at_many_sizes_are_swept_peaks() -> None:
    peaks = Peaks()
    for dtype, kv in (("q4_k_m", "fp8"), ("gptq", "int4"), ("fp32", "int4"), ("bf16", "fp8")):
        for heads, batch in ((1, 1), (3, 2), (5, 7)):
            network = describe(replace(CONFIG, emb_dim=64 * heads, n_heads=heads))
            options = Workload(tokens=8, batch=batch, mode="generate", dtype=dtype, kv_dtype=kv)
            assert peaks.peak(network, options) == swept(network, options).peak


CACHED = {"fp32": 4.0, "bf16": 2, "fp16": 2, "fp8": 1, "int8": 1, "int4": 0.5}


@pytest.mark.parametrize("kv", CACHED)
@pytest.mark.parametrize("dtype", ["fp32", "bf16", "int4", "q8_0"])
def test_the_cache_has_a_format_of_its_own(dtype: str, kv: str) -> None:
    options = Workload(tokens=8, batch=3, mode="generate", dtype=dtype, kv_dtype=kv)
    report = memory_report(describe(CONFIG), options, explain=True)
    numbers = 2 * 9 * 3 * 8 * 256
    assert report.kv_cache_bytes == numbers * CACHED[kv]
    assert report.kv_cache_bytes_per_token == numbers * CACHED[kv] / 24
    assert report.kv_dtype == kv
    assert {line.label: line.bytes for line in report.ledger}["KV cache"] == report.kv_cache_bytes
    assert sum(line.bytes for line in report.ledger) == report.peak_bytes
    assert report.explanations is not None
    assert {line.name: line.value for line in report.explanations}["KV cache"] == report.kv_cache_bytes


@pytest.mark.parametrize(
    ("dtype", "amp", "expected"), [("fp32", False, "fp32"), ("fp32", True, "bf16"), ("int8", False, "bf16"),
                                   ("fp16", False, "fp16"), ("nf4", False, "bf16")]
)  # fmt: skip
def test_without_one_it_is_that_of_the_products(dtype: str, amp: bool, expected: str) -> None:
    options = Workload(tokens=8, mode="generate", dtype=dtype, amp=amp)
    report = memory_report(describe(CONFIG), options)
    assert report.kv_dtype == expected
    assert report.kv_cache_bytes == kv_cache_bytes(describe(CONFIG), replace(options, kv_dtype=expected))


def test_half_a_byte_of_the_cache_counts_as_one() -> None:
    odd = ModelConfig(vocab_size=7, context_length=3, emb_dim=1, n_heads=1, n_layers=1)
    options = Workload(tokens=1, mode="generate", kv_dtype="int4")
    assert memory_report(describe(odd), options).kv_cache_bytes == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (Workload(tokens=3, mode="training", dtype="q4_k_m"), "--dtype q4_k_m is for weights at inference"),
        (Workload(tokens=3, kv_dtype="fp8"), "--kv-dtype is about the KV cache; add --mode generate"),
        (Workload(tokens=3, mode="training", kv_dtype="fp8"), "--kv-dtype is about the KV cache; add --mode generate"),
    ],
)
def test_what_cannot_be_is_refused(options: Workload, told: str) -> None:
    with pytest.raises(InputError, match=told):
        checked_options(CONFIG, options)
