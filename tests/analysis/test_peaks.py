"""A journal played back with other sizes gives what a sweep at those sizes gives."""

import random
from typing import Any

import pytest
from msgspec.structs import replace

from gptcli.analysis import peaks as module
from gptcli.analysis.passes import swept
from gptcli.analysis.peaks import Peaks
from gptcli.analysis.workload import Workload
from gptcli.architecture import describe
from gptcli.config import load_config
from tests.analysis.test_passes import random_case


@pytest.mark.parametrize("seed", range(60))
def test_played_back_peaks_are_swept_peaks(seed: int) -> None:
    config, options = random_case(seed)
    draw = random.Random(seed + 1000)
    peaks = Peaks()
    for _ in range(8):
        other = replace(config, emb_dim=config.n_heads * draw.randint(1, 40), vocab_size=draw.randint(1, 9999))
        run = replace(options, batch=draw.randint(1, 9), tokens=draw.randint(1, 64))
        assert peaks.peak(describe(other), run) == swept(describe(other), run).peak
        assert peaks.peak(describe(config), run) == swept(describe(config), run).peak


@pytest.mark.parametrize("mode", ["training", "generate"])
@pytest.mark.parametrize("name", ["mistral-7b", "llama-3.2-1b", "gemma-3-270m", "mixtral-8x7b", "deepseek-v3"])
def test_later_decoders_are_played_back(name: str, mode: Any) -> None:
    """Rotated widths are halved, windows are shorter than some texts, experts have sizes of their own."""
    config = replace(load_config(name, environ={}).config, n_layers=6, head_dim=None)
    if name == "llama-3.2-1b":
        config = replace(config, positions="sinusoidal")
    peaks, draw = Peaks(), random.Random(7)
    for _ in range(6):
        other = replace(config, emb_dim=config.n_heads * 2 * draw.randint(1, 9), vocab_size=draw.randint(2, 999))
        run = Workload(mode=mode, batch=draw.randint(1, 3), tokens=draw.choice([5, 400, 700, 3000]))
        assert peaks.peak(describe(other), run) == swept(describe(other), run).peak


@pytest.mark.parametrize("dtype", ["int8", "int4"])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_half_bytes_are_rounded_at_every_size(dtype: str, device: str) -> None:
    peaks = Peaks()
    config, options = random_case(0)
    options = replace(options, mode="inference", dtype=dtype, amp=False, device=device)
    for width, vocabulary in [(1, 7), (2, 11), (3, 13), (5, 17), (8, 96)]:
        other = replace(config, emb_dim=config.n_heads * width, vocab_size=vocabulary)
        assert peaks.peak(describe(other), options) == swept(describe(other), options).peak


def test_one_sweep_serves_many_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def counting(*arguments: Any) -> Any:
        calls.append(arguments)
        return swept(*arguments)

    monkeypatch.setattr(module, "swept", counting)
    peaks = Peaks()
    config, options = random_case(0)
    options = replace(options, batch=9, tokens=9, dtype="fp32", amp=False)
    for batch in range(9, 40):
        peaks.peak(describe(config), replace(options, batch=batch, tokens=batch))
    assert len(calls) == 1
    peaks.peak(describe(config), replace(options, batch=1))  # other kernels where there is one text, or one token
    peaks.peak(describe(config), replace(options, tokens=1))
    peaks.peak(describe(replace(config, n_layers=config.n_layers + 1)), options)
    assert len(calls) == 4


@pytest.mark.parametrize("mode", ["inference", "generate"])
def test_products_are_widened_from_the_same_sizes_on(mode: Any) -> None:
    """From eight rows on, of all texts, or of their last tokens where generation asks for no more."""
    peaks = Peaks()
    config, options = random_case(0)
    options = replace(options, mode=mode, dtype="bf16", amp=False, attention="sdpa", widens=True)
    for batch, tokens in [(1, 7), (1, 8), (2, 3), (2, 4), (4, 2), (7, 1), (8, 1), (9, 2), (3, 9), (1, 9)]:
        other = replace(options, batch=batch, tokens=tokens)
        assert peaks.peak(describe(config), other) == swept(describe(config), other).peak
