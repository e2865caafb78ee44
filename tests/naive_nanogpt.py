"""A network in nanoGPT's manner - its names, its exact GELU, its optional biases - written here as a reference.

Plain PyTorch modules, nothing shared with gptcli.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Norm(nn.Module):
    def __init__(self, width: int, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)


class SelfAttention(nn.Module):
    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__()
        width, bias = args["n_embd"], args["bias"]
        self.heads = args["n_head"]
        self.c_attn = nn.Linear(width, 3 * width, bias=bias)
        self.c_proj = nn.Linear(width, width, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        q, k, v = (
            part.view(batch, tokens, self.heads, width // self.heads).transpose(1, 2)
            for part in self.c_attn(x).split(width, dim=2)
        )
        scores = q @ k.transpose(2, 3) / (width // self.heads) ** 0.5
        seen = torch.tril(torch.ones(tokens, tokens)).bool()
        weights = scores.masked_fill(~seen, -torch.inf).softmax(-1)
        out: Tensor = self.c_proj((weights @ v).transpose(1, 2).reshape(batch, tokens, width))
        return out


class Mlp(nn.Module):
    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__()
        width, bias = args["n_embd"], args["bias"]
        self.c_fc = nn.Linear(width, 4 * width, bias=bias)
        self.gelu = nn.GELU()
        self.c_proj = nn.Linear(4 * width, width, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.c_proj(self.gelu(self.c_fc(x)))
        return out


class Block(nn.Module):
    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__()
        self.ln_1 = Norm(args["n_embd"], args["bias"])
        self.attn = SelfAttention(args)
        self.ln_2 = Norm(args["n_embd"], args["bias"])
        self.mlp = Mlp(args)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class NanoGPT(nn.Module):
    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__()
        width = args["n_embd"]
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(args["vocab_size"], width),
                "wpe": nn.Embedding(args["block_size"], width),
                "drop": nn.Dropout(args["dropout"]),
                "h": nn.ModuleList(Block(args) for _ in range(args["n_layer"])),
                "ln_f": Norm(width, args["bias"]),
            }
        )
        self.lm_head = nn.Linear(width, args["vocab_size"], bias=False)
        self.lm_head.weight = self.transformer["wte"].weight  # type: ignore[assignment]

    def forward(self, ids: Tensor) -> Tensor:
        parts = self.transformer
        x = parts["drop"](parts["wte"](ids) + parts["wpe"](torch.arange(ids.shape[1])))
        blocks = parts["h"]
        assert isinstance(blocks, nn.ModuleList)
        for block in blocks:
            x = block(x)
        logits: Tensor = self.lm_head(parts["ln_f"](x))
        return logits


def small_nanogpt() -> NanoGPT:
    sizes = {"n_layer": 2, "n_head": 2, "n_embd": 8, "block_size": 8, "vocab_size": 20}
    return NanoGPT({**sizes, "bias": True, "dropout": 0.0})
