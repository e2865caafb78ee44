"""The lecture's network, written from scratch the way the lecture writes it: the reference for ours.

Plain PyTorch modules, separate query, key and value, one mask buffer a block, nothing shared with gptcli.
"""

from typing import Any

import torch
from torch import Tensor, nn


class NaiveAttention(nn.Module):
    mask: Tensor

    def __init__(self, width: int, context: int, heads: int, rate: float, qkv_bias: bool) -> None:
        super().__init__()
        self.heads, self.head_width, self.width = heads, width // heads, width
        self.W_query = nn.Linear(width, width, bias=qkv_bias)
        self.W_key = nn.Linear(width, width, bias=qkv_bias)
        self.W_value = nn.Linear(width, width, bias=qkv_bias)
        self.out_proj = nn.Linear(width, width)
        self.dropout = nn.Dropout(rate)
        self.register_buffer("mask", torch.triu(torch.ones(context, context), diagonal=1))

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, _ = x.shape
        query = self.W_query(x).view(batch, tokens, self.heads, self.head_width).transpose(1, 2)
        key = self.W_key(x).view(batch, tokens, self.heads, self.head_width).transpose(1, 2)
        value = self.W_value(x).view(batch, tokens, self.heads, self.head_width).transpose(1, 2)
        scores = query @ key.transpose(2, 3)
        scores.masked_fill_(self.mask.bool()[:tokens, :tokens], -torch.inf)
        weights = self.dropout(torch.softmax(scores / self.head_width**0.5, dim=-1))
        context = (weights @ value).transpose(1, 2).reshape(batch, tokens, self.width)
        out: Tensor = self.out_proj(context)
        return out


class NaiveLayerNorm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        mean, variance = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, unbiased=False)
        return self.scale * (x - mean) / torch.sqrt(variance + 1e-5) + self.shift


class NaiveGelu(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        inner = torch.sqrt(torch.tensor(2.0 / torch.pi)) * (x + 0.044715 * x**3)
        return 0.5 * x * (1 + torch.tanh(inner))


class NaiveFeedForward(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, 4 * width), NaiveGelu(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out


class NaiveBlock(nn.Module):
    def __init__(self, cfg: dict[str, Any]) -> None:
        super().__init__()
        width = cfg["emb_dim"]
        self.att = NaiveAttention(width, cfg["context_length"], cfg["n_heads"], cfg["drop_rate"], cfg["qkv_bias"])
        self.ff = NaiveFeedForward(width)
        self.norm1, self.norm2 = NaiveLayerNorm(width), NaiveLayerNorm(width)
        self.drop_shortcut = nn.Dropout(cfg["drop_rate"])

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_shortcut(self.att(self.norm1(x)))
        out: Tensor = x + self.drop_shortcut(self.ff(self.norm2(x)))
        return out


class NaiveGPT(nn.Module):
    def __init__(self, cfg: dict[str, Any]) -> None:
        super().__init__()
        self.tok_emb = nn.Embedding(cfg["vocab_size"], cfg["emb_dim"])
        self.pos_emb = nn.Embedding(cfg["context_length"], cfg["emb_dim"])
        self.drop_emb = nn.Dropout(cfg["drop_rate"])
        self.trf_blocks = nn.Sequential(*[NaiveBlock(cfg) for _ in range(cfg["n_layers"])])
        self.final_norm = NaiveLayerNorm(cfg["emb_dim"])
        self.out_head = nn.Linear(cfg["emb_dim"], cfg["vocab_size"], bias=False)
        if cfg["weight_tying"]:
            self.out_head.weight = self.tok_emb.weight

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tok_emb(ids) + self.pos_emb(torch.arange(ids.shape[1]))
        x = self.trf_blocks(self.drop_emb(x))
        logits: Tensor = self.out_head(self.final_norm(x))
        return logits


def as_ours(naive: NaiveGPT) -> dict[str, Tensor]:
    """Return the naive network's tensors under our paths."""
    named: dict[str, Tensor] = {
        "wte.weight": naive.tok_emb.weight,
        "wpe.weight": naive.pos_emb.weight,
        "ln_f.weight": naive.final_norm.scale,
        "ln_f.bias": naive.final_norm.shift,
        "lm_head.weight": naive.out_head.weight,
    }
    for index, block in enumerate(naive.trf_blocks):
        assert isinstance(block, NaiveBlock)
        expand, back = block.ff.layers[0], block.ff.layers[2]
        assert isinstance(expand, nn.Linear)
        assert isinstance(back, nn.Linear)
        projections = (block.att.W_query, block.att.W_key, block.att.W_value)
        here = f"h.{index}"
        named |= {
            f"{here}.ln_1.weight": block.norm1.scale,
            f"{here}.ln_1.bias": block.norm1.shift,
            f"{here}.attn.c_attn.weight": torch.cat([p.weight for p in projections]),
            f"{here}.attn.c_proj.weight": block.att.out_proj.weight,
            f"{here}.attn.c_proj.bias": block.att.out_proj.bias,
            f"{here}.ln_2.weight": block.norm2.scale,
            f"{here}.ln_2.bias": block.norm2.shift,
            f"{here}.mlp.c_fc.weight": expand.weight,
            f"{here}.mlp.c_fc.bias": expand.bias,
            f"{here}.mlp.c_proj.weight": back.weight,
            f"{here}.mlp.c_proj.bias": back.bias,
        }
        if block.att.W_query.bias is not None:
            named[f"{here}.attn.c_attn.bias"] = torch.cat([p.bias for p in projections])
    return named
