"""A training step run by torch, with a reading of live memory whenever a tensor is made."""

import torch
from torch import Tensor
from torch.nn import functional as F

from gptcli.analysis.passes import BACKWARD, FORWARD, LOSS
from gptcli.analysis.workload import Workload
from gptcli.architecture import describe
from gptcli.config import ModelConfig
from gptcli.model.gpt import GPT
from gptcli.model.tracker import LiveBytes

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Readings(LiveBytes):
    """Notes how many bytes are alive whenever an operation has made a storage."""

    def __init__(self, existing: list[Tensor]) -> None:
        self.readings: list[int] = []
        super().__init__(existing)

    def count(self, tensor: Tensor) -> None:
        before = self.live
        super().count(tensor)
        if self.live != before:
            self.readings.append(self.live)


def readings_of_a_step(config: ModelConfig, options: Workload) -> dict[str, list[int]]:
    """Run forward, loss and backward on the CPU; return each phase's readings. There is no optimizer, so no state."""
    model = GPT(
        describe(config, options.attention), dtype=DTYPES[options.dtype], recompute=options.recompute == "block"
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    ids, targets = (torch.zeros(options.batch, options.tokens, dtype=torch.long) for _ in range(2))
    tracker = Readings([*model.parameters(), ids, targets])
    found: dict[str, list[int]] = {}
    with tracker:
        tracker.readings = found[FORWARD] = []
        with torch.autocast("cpu", torch.bfloat16, enabled=options.amp):
            logits = model.train()(ids)
            tracker.readings = found[LOSS] = []
            loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        tracker.readings = found[BACKWARD] = []
        loss.backward()
    return found
