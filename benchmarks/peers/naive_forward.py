"""The lecture's network, written from scratch: build 124M, tokenize, one forward pass."""

import torch

from gptcli.config import load_config
from gptcli.tokenizer import encode
from tests.naive import NaiveGPT

sizes = load_config("gpt2-124m", environ={}).config
torch.manual_seed(123)
model = NaiveGPT({key: getattr(sizes, key) for key in sizes.__struct_fields__}).eval()
with torch.no_grad():
    logits = model(torch.tensor([encode("Every effort moves you")]))
print(logits.shape, logits[0, -1].topk(5).indices.tolist())
