"""transformers' ``from_pretrained`` of a directory and one forward pass: ``DIRECTORY``."""

import sys

import torch
from transformers import GPT2LMHeadModel

from gptcli.tokenizer import encode

model = GPT2LMHeadModel.from_pretrained(sys.argv[1])
model.train(False)
with torch.inference_mode():
    logits = model(torch.tensor([encode("Every effort moves you")])).logits
print(logits.shape, logits[0, -1].topk(5).indices.tolist())
