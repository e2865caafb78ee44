"""A training step run by torch, every tensor that it allocates noted with the phase in which it does."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from gptcli.analysis.optimizers import OPTIMIZERS
from gptcli.analysis.step import BACKWARD, FORWARD, LOSS, OPTIMIZER, StepOptions
from gptcli.architecture import describe
from gptcli.config import ModelConfig
from gptcli.model.gpt import GPT
from gptcli.model.tracker import LiveBytes

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Watched:
    """What a step took.

    Attributes:
        peaks: the most bytes alive at once in each phase.
        allocated: for each phase how many storages of each size were made.
    """

    def __init__(self) -> None:
        self.peaks: dict[str, int] = {}
        self.allocated: dict[str, Counter[int]] = {}


class _Sizes(LiveBytes):
    """Notes the size of every storage when it comes."""

    def __init__(self, existing: list[Tensor]) -> None:
        self.sizes: Counter[int] = Counter()
        super().__init__(existing)

    def count(self, tensor: Tensor) -> None:
        before = self.live
        super().count(tensor)
        if self.live != before:
            self.sizes[self.live - before] += 1


def watched_step(config: ModelConfig, options: StepOptions) -> Watched:
    """Run the step that `gptcli.analysis.step` spells out, on the CPU, with a tracker around it."""
    model = GPT(
        describe(config, options.attention), dtype=DTYPES[options.dtype], recompute=options.recompute == "block"
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    ids, targets = (torch.zeros(options.batch, options.tokens, dtype=torch.long) for _ in range(2))
    optimizer = _steady(model, options)
    state = [v for each in optimizer.state.values() for v in each.values() if isinstance(v, Tensor)]
    tracker, watched = _Sizes([*model.parameters(), *state, ids, targets]), Watched()

    @contextmanager
    def phase(name: str) -> Iterator[None]:
        tracker.restart_peak()
        tracker.sizes.clear()
        yield
        watched.peaks[name] = tracker.peak
        watched.allocated[name] = Counter(tracker.sizes)

    with tracker:
        with torch.autocast("cpu", torch.bfloat16, enabled=options.amp):
            with phase(FORWARD):
                logits = model.train()(ids)
            with phase(LOSS):
                loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        with phase(BACKWARD):
            loss.backward()
        with phase(OPTIMIZER):
            optimizer.step()
    return watched


def _steady(model: GPT, options: StepOptions) -> Any:
    """Make an optimizer whose state exists."""
    row = OPTIMIZERS[options.optimizer]
    how = {"foreach": options.optimizer_impl == "foreach", "fused": options.optimizer_impl == "fused"}
    momentum = {} if row.momentum is None else {"momentum": row.momentum}
    optimizer = getattr(torch.optim, row.torch_name)(model.parameters(), lr=1e-3, **momentum, **how)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return optimizer
