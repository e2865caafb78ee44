"""GPT-2 written by hand from the papers, of torch's own modules: the witness that needs nothing installed.

Every size and every choice is typed here a second time, on purpose. The sources: Vaswani et al. 2017, section 3.2
(attention), Radford et al. 2019, section 2.3 (pre-norm, final norm), Hendrycks and Gimpel 2016 (GELU). Query, key and
value are three layers, as a textbook writes them, where the described network has one.

Shapes in comments: B batch, T tokens, C embedding width, H heads, V vocabulary.
"""

import math
from collections.abc import Mapping
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn

from gptcli.config import ModelConfig

_GELUS = {"gelu": "none", "gelu_tanh": "tanh"}  # the paper's exact form, and its approximation


def _norm(config: ModelConfig) -> nn.Module:
    """Return torch's own norm of the name that the config gives: ``layer_norm`` is ``nn.LayerNorm``.

    Raises:
        NotImplementedError: torch has none of that name.
    """
    kind: Any = next((vars(nn)[name] for name in dir(nn) if name.lower() == config.norm.replace("_", "")), None)
    if kind is None:
        raise NotImplementedError(config.norm)
    bias = {"bias": config.bias} if "bias" in signature(kind).parameters else {}
    norm: nn.Module = kind(config.emb_dim, eps=config.norm_eps, **bias)
    return norm


class PlainAttention(nn.Module):
    """Masked attention with several heads."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.emb_dim
        self.heads = config.n_heads
        self.query = nn.Linear(width, width, bias=config.qkv_bias)
        self.key = nn.Linear(width, width, bias=config.qkv_bias)
        self.value = nn.Linear(width, width, bias=config.qkv_bias)
        self.weights_dropout = nn.Dropout(config.drop_rate)
        self.out = nn.Linear(width, width, bias=config.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        batch, tokens, width = x.shape
        split = (batch, tokens, self.heads, width // self.heads)
        query, key, value = (layer(x).view(split).transpose(1, 2) for layer in (self.query, self.key, self.value))
        scores = query @ key.transpose(2, 3) / math.sqrt(width // self.heads)  # (B, H, T, T)
        allowed = torch.tril(torch.ones(tokens, tokens, device=x.device)).bool()
        weights = self.weights_dropout(torch.softmax(scores.masked_fill(~allowed, -math.inf), dim=-1))
        mixed = (weights @ value).transpose(1, 2).reshape(batch, tokens, width)
        out: Tensor = self.out(mixed)
        return out


class PlainBlock(nn.Module):
    """``x + attention(norm(x))``, then ``x + feed_forward(norm(x))``; the feed forward is four times as wide."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.emb_dim
        self.norm_1 = _norm(config)
        self.attention = PlainAttention(config)
        self.norm_2 = _norm(config)
        self.expand = nn.Linear(width, 4 * width, bias=config.bias)
        self.gelu = nn.GELU(approximate=_GELUS[config.activation])
        self.back = nn.Linear(4 * width, width, bias=config.bias)
        self.dropout = nn.Dropout(config.drop_rate)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        x = x + self.dropout(self.attention(self.norm_1(x)))
        out: Tensor = x + self.dropout(self.back(self.gelu(self.expand(self.norm_2(x)))))
        return out


class PlainGPT(nn.Module):
    """Token ids (B, T) to logits (B, T, V)."""

    def __init__(self, config: ModelConfig, device: str, dtype: torch.dtype) -> None:
        super().__init__()
        with torch.device(device):
            self.tokens = nn.Embedding(config.vocab_size, config.emb_dim)
            self.positions = nn.Embedding(config.context_length, config.emb_dim)
            self.dropout = nn.Dropout(config.drop_rate)
            self.blocks = nn.ModuleList(PlainBlock(config) for _ in range(config.n_layers))
            self.norm = _norm(config)
            self.head = nn.Linear(config.emb_dim, config.vocab_size, bias=False)
        if config.weight_tying:
            self.head.weight = self.tokens.weight
        self.to(dtype)

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T) -> (B, T, V)."""
        x = self.dropout(self.tokens(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device)))
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(self.norm(x))
        return logits


_ONCE = {"tokens": "wte", "positions": "wpe", "norm": "ln_f", "head": "lm_head"}
_IN_A_BLOCK = {
    "norm_1": "ln_1",
    "attention.out": "attn.c_proj",
    "norm_2": "ln_2",
    "expand": "mlp.c_fc",
    "back": "mlp.c_proj",
}
_STACKED = ("query", "key", "value")


def state(network: nn.Module) -> Mapping[str, Tensor]:
    """Return the tensors by the names of GPT-2's checkpoints: query, key and value stacked in ``attn.c_attn``."""
    found: dict[str, Tensor] = {}
    stacked: dict[str, list[Tensor]] = {}
    for path, tensor in network.named_parameters():  # a shared tensor comes once, under its first name
        module, _, kind = path.rpartition(".")
        if module in _ONCE:
            found[f"{_ONCE[module]}.{kind}"] = tensor
            continue
        _, index, inside = module.split(".", 2)
        if inside.removeprefix("attention.") in _STACKED:
            stacked.setdefault(f"h.{index}.attn.c_attn.{kind}", []).append(tensor)
        else:
            found[f"h.{index}.{_IN_A_BLOCK[inside]}.{kind}"] = tensor
    return found | {name: torch.cat(parts) for name, parts in stacked.items()}
