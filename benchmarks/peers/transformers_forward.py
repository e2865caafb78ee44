"""transformers' GPT-2 124M with random weights: build, tokenize, one forward pass."""

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from gptcli.tokenizer import encode

model = GPT2LMHeadModel(GPT2Config(tie_word_embeddings=False))
model.train(False)
with torch.inference_mode():
    logits = model(torch.tensor([encode("Every effort moves you")])).logits
print(logits.shape, logits[0, -1].topk(5).indices.tolist())
