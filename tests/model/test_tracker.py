"""The tracker against torch's own: MemTracker, and the profiler's record of allocations."""

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker
from torch.nn import functional as F

from gptcli.architecture import AttentionPath, describe
from gptcli.config import ModelConfig
from gptcli.model.forward import ForwardOptions, build
from gptcli.model.tracker import LiveBytes

CONFIG = ModelConfig(vocab_size=300, context_length=32, emb_dim=32, n_heads=4, n_layers=2, drop_rate=0.1)
IDS = torch.zeros(2, 32, dtype=torch.long)


def _step(model: nn.Module) -> None:
    loss = F.cross_entropy(model(IDS).flatten(0, 1), IDS.flatten())
    loss.backward()


@pytest.mark.parametrize("attention", ["sdpa", "explicit"])
@pytest.mark.parametrize("dropout", [True, False])
def test_the_peak_is_mem_trackers(attention: AttentionPath, dropout: bool) -> None:
    model = build(describe(CONFIG), ForwardOptions(attention=attention, dropout=dropout))
    theirs = MemTracker()
    theirs.track_external(model, IDS)
    with theirs:
        _step(model)
    expected = theirs.get_tracker_snapshot("peak")[torch.device("cpu")]["Total"]
    model = build(describe(CONFIG), ForwardOptions(attention=attention, dropout=dropout))
    with LiveBytes([*model.parameters(), IDS]) as ours:
        _step(model)
    assert ours.peak == expected


def test_the_peak_is_the_profilers() -> None:
    """The profiler sees every allocation of the allocator, without a dispatch mode."""
    model = build(describe(CONFIG), ForwardOptions(attention="explicit", dropout=False))
    with torch.no_grad(), torch.profiler.profile(profile_memory=True) as profiler:
        model(IDS)
    live = peak = 0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            live += event.nbytes()
            peak = max(peak, live)
    existing = [*model.parameters(), IDS]
    with torch.no_grad(), LiveBytes(existing) as ours:
        before = ours.live
        model(IDS)
    assert abs((ours.peak - before) - peak) <= 64


def test_fake_tensors_take_what_real_ones_take() -> None:
    def peak() -> int:
        weight, x = torch.zeros(64, 64), torch.zeros(8, 64)
        with torch.no_grad(), LiveBytes([weight, x]) as tracker:
            (x @ weight).softmax(-1)
        peak_bytes: int = tracker.peak
        return peak_bytes

    with FakeTensorMode():
        fake = peak()
    assert fake == peak() == 4 * (64 * 64 + 3 * 8 * 64)


def test_what_is_given_back_no_longer_counts() -> None:
    with LiveBytes() as tracker:
        x = torch.zeros(100)
        y = x.view(10, 10)
        assert tracker.live == 400
        del x
        assert tracker.live == 400
        del y
        assert tracker.live == 0
        tracker.restart_peak()
        assert tracker.peak == 0
