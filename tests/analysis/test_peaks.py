"""A journal played back with other sizes gives what a sweep at those sizes gives."""

import random

import pytest
from msgspec.structs import replace

from gptcli.analysis.peaks import Peaks
from gptcli.analysis.step import sweep_step
from tests.analysis.test_step import random_case


@pytest.mark.parametrize("seed", range(60))
def test_played_back_peaks_are_swept_peaks(seed: int) -> None:
    config, options = random_case(seed)
    draw = random.Random(seed + 1000)
    peaks = Peaks()
    for _ in range(8):
        other = replace(config, emb_dim=config.n_heads * draw.randint(1, 40), vocab_size=draw.randint(1, 9999))
        run = replace(options, batch=draw.randint(1, 9), tokens=draw.randint(1, 64))
        assert peaks.peak(other, run) == sweep_step(other, run).peak
        assert peaks.peak(config, run) == sweep_step(config, run).peak
