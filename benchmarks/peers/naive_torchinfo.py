"""torchinfo's summary of the lecture's network at 124M."""

import torch
import torchinfo

from gptcli.config import load_config
from tests.naive import NaiveGPT

sizes = load_config("gpt2-124m", environ={}).config
model = NaiveGPT({key: getattr(sizes, key) for key in sizes.__struct_fields__}).eval()
torchinfo.summary(model, input_data=torch.zeros(1, 4, dtype=torch.long), depth=4)
