"""torch's FLOP counter on the lecture's network at 124M, a text as long as the context."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from gptcli.config import load_config
from tests.naive import NaiveGPT

sizes = load_config("gpt2-124m", environ={}).config
model = NaiveGPT({key: getattr(sizes, key) for key in sizes.__struct_fields__}).eval()
with FlopCounterMode(display=False) as counter, torch.no_grad():
    model(torch.zeros(1, sizes.context_length, dtype=torch.long))
print(counter.get_total_flops())
