"""GPT-2 written by hand from the papers, of torch's own modules: the witness that needs nothing installed.

Every size and every choice is typed here a second time, on purpose. The sources: Vaswani et al. 2017, section 3.2
(attention), Radford et al. 2019, section 2.3 (pre-norm, final norm), Hendrycks and Gimpel 2016 (GELU). Query, key and
value are three layers, as a textbook writes them, where the described network has one. The modules have the names that
the lecture gives them.

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
_OF_A_NORM = {"weight": "scale", "bias": "shift"}  # torch's names, and the lecture's


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
        self.W_query = nn.Linear(width, width, bias=config.qkv_bias)
        self.W_key = nn.Linear(width, width, bias=config.qkv_bias)
        self.W_value = nn.Linear(width, width, bias=config.qkv_bias)
        own = config.attention_drop_rate
        self.dropout = nn.Dropout(config.drop_rate if own is None else own)
        self.out_proj = nn.Linear(width, width, bias=config.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        batch, tokens, width = x.shape
        split = (batch, tokens, self.heads, width // self.heads)
        layers = (self.W_query, self.W_key, self.W_value)
        query, key, value = (layer(x).view(split).transpose(1, 2) for layer in layers)
        scores = query @ key.transpose(2, 3) / math.sqrt(width // self.heads)  # (B, H, T, T)
        allowed = torch.tril(torch.ones(tokens, tokens, device=x.device)).bool()
        weights = self.dropout(torch.softmax(scores.masked_fill(~allowed, -math.inf), dim=-1))
        mixed = (weights @ value).transpose(1, 2).reshape(batch, tokens, width)
        out: Tensor = self.out_proj(mixed)
        return out


class PlainFeedForward(nn.Module):
    """Two linear layers with GELU between them; inside it is four times as wide."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.emb_dim
        self.layers = nn.Sequential(
            nn.Linear(width, 4 * width, bias=config.bias),
            nn.GELU(approximate=_GELUS[config.activation]),
            nn.Linear(4 * width, width, bias=config.bias),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        out: Tensor = self.layers(x)
        return out


class PlainBlock(nn.Module):
    """``x + attention(norm(x))``, then ``x + feed_forward(norm(x))``."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm1 = _norm(config)
        self.att = PlainAttention(config)
        self.norm2 = _norm(config)
        self.ff = PlainFeedForward(config)
        self.dropout = nn.Dropout(config.drop_rate)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        x = x + self.dropout(self.att(self.norm1(x)))
        out: Tensor = x + self.dropout(self.ff(self.norm2(x)))
        return out


class PlainGPT(nn.Module):
    """Token ids (B, T) to logits (B, T, V)."""

    def __init__(self, config: ModelConfig, device: str, dtype: torch.dtype) -> None:
        super().__init__()
        with torch.device(device):
            self.tok_emb = nn.Embedding(config.vocab_size, config.emb_dim)
            self.pos_emb = nn.Embedding(config.context_length, config.emb_dim)
            own = config.embedding_drop_rate
            self.dropout = nn.Dropout(config.drop_rate if own is None else own)
            self.trf_blocks = nn.ModuleList(PlainBlock(config) for _ in range(config.n_layers))
            self.final_norm = _norm(config)
            self.out_head = nn.Linear(config.emb_dim, config.vocab_size, bias=False)
        if config.weight_tying:
            self.out_head.weight = self.tok_emb.weight
        self.to(dtype)

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T) -> (B, T, V)."""
        x = self.dropout(self.tok_emb(ids) + self.pos_emb(torch.arange(ids.shape[1], device=ids.device)))
        for block in self.trf_blocks:
            x = block(x)
        logits: Tensor = self.out_head(self.final_norm(x))
        return logits


def state(network: nn.Module) -> Mapping[str, Tensor]:
    """Return the tensors by the names that the lecture's program gives them."""
    found = {}
    for path, tensor in network.named_parameters():  # a shared tensor comes once, under its first name
        module, _, name = path.rpartition(".")
        own = name if isinstance(network.get_submodule(module), nn.Linear | nn.Embedding) else _OF_A_NORM[name]
        found[f"{module}.{own}"] = tensor
    return found
