"""A training step run by torch, every tensor that it allocates noted with the phase in which it does."""

from collections import Counter

import torch
from torch import Tensor
from torch.nn import functional as F

from gptcli.analysis.step import BACKWARD, FORWARD, LOSS, StepOptions
from gptcli.architecture import describe
from gptcli.config import ModelConfig
from gptcli.model.gpt import GPT
from gptcli.model.tracker import LiveBytes

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class _Sizes(LiveBytes):
    """Notes the size of every storage that an operation makes."""

    def __init__(self, existing: list[Tensor]) -> None:
        self.sizes: Counter[int] = Counter()
        super().__init__(existing)

    def count(self, tensor: Tensor) -> None:
        before = self.live
        super().count(tensor)
        if self.live != before:
            self.sizes[self.live - before] += 1


def allocated_in_a_step(config: ModelConfig, options: StepOptions) -> dict[str, Counter[int]]:
    """Run forward, loss and backward on the CPU; return for each phase how many storages of each size were made."""
    model = GPT(
        describe(config, options.attention), dtype=DTYPES[options.dtype], recompute=options.recompute == "block"
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    ids, targets = (torch.zeros(options.batch, options.tokens, dtype=torch.long) for _ in range(2))
    tracker = _Sizes([*model.parameters(), ids, targets])
    found: dict[str, Counter[int]] = {}
    with tracker:
        tracker.sizes = found[FORWARD] = Counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=options.amp):
            logits = model.train()(ids)
            tracker.sizes = found[LOSS] = Counter()
            loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        tracker.sizes = found[BACKWARD] = Counter()
        loss.backward()
    return found
