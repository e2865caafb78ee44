"""Networks as people write them, in the lecture's way and in nanoGPT's, with a mistake planted in the source by name.

Each source is right as it stands. A plant replaces pieces of it; every piece must be there, so that none is lost.
"""

from pathlib import Path

SIZES = {"vocab_size": 61, "context_length": 16, "emb_dim": 24, "n_heads": 4, "n_layers": 2, "drop_rate": 0.1}

LECTURE = """
import math
import torch
import torch.nn.functional as F
from torch import nn


class LayerNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.eps = 1e-5
        self.scale = nn.Parameter(torch.ones(width))
        self.shift = nn.Parameter(torch.zeros(width))

    def forward(self, x):
        mean = x.mean(dim=-1, keepdim=True)
        var = x.var(dim=-1, keepdim=True, unbiased=False)
        y = (x - mean) / torch.sqrt(var + self.eps)
        return self.scale * y + self.shift


class GELU(nn.Module):
    def forward(self, x):
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


class FeedForward(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(cfg["emb_dim"], 4 * cfg["emb_dim"]),
            GELU(),
            nn.Linear(4 * cfg["emb_dim"], cfg["emb_dim"]),
        )

    def forward(self, x):
        return self.layers(x)


class MultiHeadAttention(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        width = cfg["emb_dim"]
        self.num_heads, self.head_dim = cfg["n_heads"], width // cfg["n_heads"]
        self.W_query = nn.Linear(width, width, bias=cfg["qkv_bias"])
        self.W_key = nn.Linear(width, width, bias=cfg["qkv_bias"])
        self.W_value = nn.Linear(width, width, bias=cfg["qkv_bias"])
        self.out_proj = nn.Linear(width, width)
        self.dropout = nn.Dropout(cfg["drop_rate"])
        self.register_buffer("mask", torch.triu(torch.ones(cfg["context_length"], cfg["context_length"]), diagonal=1))

    def split(self, x):
        b, t, c = x.shape
        return x.view(b, t, self.num_heads, self.head_dim).transpose(1, 2)

    def forward(self, x):
        b, t, c = x.shape
        queries, keys, values = self.W_query(x), self.W_key(x), self.W_value(x)
        queries, keys, values = self.split(queries), self.split(keys), self.split(values)
        scores = queries @ keys.transpose(2, 3)
        scores = scores.masked_fill(self.mask.bool()[:t, :t], -torch.inf)
        weights = torch.softmax(scores / self.head_dim**0.5, dim=-1)
        weights = self.dropout(weights)
        context = (weights @ values).transpose(1, 2).contiguous().view(b, t, c)
        return self.out_proj(context)


class TransformerBlock(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.att = MultiHeadAttention(cfg)
        self.ff = FeedForward(cfg)
        self.norm1 = LayerNorm(cfg["emb_dim"])
        self.norm2 = LayerNorm(cfg["emb_dim"])
        self.drop_shortcut = nn.Dropout(cfg["drop_rate"])

    def forward(self, x):
        shortcut = x
        x = self.norm1(x)
        x = self.drop_shortcut(self.att(x))
        x = x + shortcut
        shortcut = x
        x = self.norm2(x)
        x = self.drop_shortcut(self.ff(x))
        return x + shortcut


class GPTModel(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.tok_emb = nn.Embedding(cfg["vocab_size"], cfg["emb_dim"])
        self.pos_emb = nn.Embedding(cfg["context_length"], cfg["emb_dim"])
        self.drop_emb = nn.Dropout(cfg["drop_rate"])
        self.trf_blocks = nn.Sequential(*[TransformerBlock(cfg) for _ in range(cfg["n_layers"])])
        self.final_norm = LayerNorm(cfg["emb_dim"])
        self.out_head = nn.Linear(cfg["emb_dim"], cfg["vocab_size"], bias=False)

    def forward(self, ids):
        tokens = self.tok_emb(ids)
        positions = self.pos_emb(torch.arange(ids.shape[1]))
        x = self.drop_emb(tokens + positions)
        x = self.trf_blocks(x)
        x = self.final_norm(x)
        return self.out_head(x)
"""

NANOGPT = """
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class GPTConfig:
    block_size: int = 16
    vocab_size: int = 61
    n_layer: int = 2
    n_head: int = 4
    n_embd: int = 24
    dropout: float = 0.1
    bias: bool = True


class LayerNorm(nn.Module):
    def __init__(self, width, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)


class CausalSelfAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd, bias=config.bias)
        self.c_proj = nn.Linear(config.n_embd, config.n_embd, bias=config.bias)
        self.dropout = config.dropout
        self.resid_dropout = nn.Dropout(config.dropout)
        self.n_head = config.n_head

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.c_attn(x).split(C, dim=2)
        k = k.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        q = q.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        v = v.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        att = att.masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
        att = F.softmax(att, dim=-1)
        att = F.dropout(att, self.dropout, training=self.training)
        y = att @ v
        y = y.transpose(1, 2).contiguous().view(B, T, C)
        return self.resid_dropout(self.c_proj(y))


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.c_fc = nn.Linear(config.n_embd, 4 * config.n_embd, bias=config.bias)
        self.gelu = nn.GELU()
        self.c_proj = nn.Linear(4 * config.n_embd, config.n_embd, bias=config.bias)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x):
        x = self.c_fc(x)
        x = self.gelu(x)
        x = self.c_proj(x)
        return self.dropout(x)


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.ln_1 = LayerNorm(config.n_embd, bias=config.bias)
        self.attn = CausalSelfAttention(config)
        self.ln_2 = LayerNorm(config.n_embd, bias=config.bias)
        self.mlp = MLP(config)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        x = x + self.mlp(self.ln_2(x))
        return x


class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.transformer = nn.ModuleDict(dict(
            wte=nn.Embedding(config.vocab_size, config.n_embd),
            wpe=nn.Embedding(config.block_size, config.n_embd),
            drop=nn.Dropout(config.dropout),
            h=nn.ModuleList([Block(config) for _ in range(config.n_layer)]),
            ln_f=LayerNorm(config.n_embd, bias=config.bias),
        ))
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self.transformer.wte.weight = self.lm_head.weight
        for name, parameter in self.named_parameters():
            if name.endswith("weight") and parameter.ndim == 2:
                nn.init.normal_(parameter, std=0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, idx, targets=None):
        b, t = idx.size()
        pos = torch.arange(0, t, dtype=torch.long)
        tok_emb = self.transformer.wte(idx)
        pos_emb = self.transformer.wpe(pos)
        x = self.transformer.drop(tok_emb + pos_emb)
        for block in self.transformer.h:
            x = block(x)
        x = self.transformer.ln_f(x)
        if targets is not None:
            logits = self.lm_head(x)
            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))
        else:
            logits = self.lm_head(x[:, [-1], :])
            loss = None
        return logits, loss


def make():
    return GPT(GPTConfig())
"""

Plant = dict[str, str]

_L_NORM = "        y = (x - mean) / torch.sqrt(var + self.eps)\n"
_L_SPLIT = "x.view(b, t, self.num_heads, self.head_dim).transpose(1, 2)"
_L_MASK = "self.mask.bool()[:t, :t], -torch.inf"
_L_SOFTMAX = "torch.softmax(scores / self.head_dim**0.5, dim=-1)"
_L_QKV = "self.W_query(x), self.W_key(x), self.W_value(x)"
_L_SPLITS = "self.split(queries), self.split(keys), self.split(values)"
_L_HALF_1 = """        shortcut = x
        x = self.norm1(x)
        x = self.drop_shortcut(self.att(x))
        x = x + shortcut
"""
_L_HALF_2 = """        shortcut = x
        x = self.norm2(x)
        x = self.drop_shortcut(self.ff(x))
        return x + shortcut
"""
_L_GELU = "0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))"


def _l_block(first: str, second: str) -> Plant:
    return {_L_HALF_1: f"        {first}\n", _L_HALF_2: f"        {second}\n        return x\n"}


IN_LECTURE: dict[str, Plant] = {
    "no-positions": {"tokens + positions": "tokens"},
    "positions-from-one": {"arange(ids.shape[1])": "arange(1, 1 + ids.shape[1])"},
    "one-position": {"torch.arange(ids.shape[1])": "torch.zeros(ids.shape[1], dtype=torch.long)"},
    "scaled-embedding": {"self.tok_emb(ids)": "self.tok_emb(ids) * 24**0.5"},
    "embeddings-multiplied": {"tokens + positions": "tokens * positions"},
    "no-mask": {f"        scores = scores.masked_fill({_L_MASK})\n": ""},
    "mask-transposed": {_L_MASK: "self.mask.bool()[:t, :t].T, -torch.inf"},
    "diagonal-masked": {"diagonal=1": "diagonal=0"},
    "mask-one-late": {"diagonal=1": "diagonal=2"},
    "mask-zeroes-scores": {_L_MASK: "self.mask.bool()[:t, :t], 0"},
    "mask-after-softmax": {
        f"        scores = scores.masked_fill({_L_MASK})\n": "",
        _L_SOFTMAX: _L_SOFTMAX + " * (1 - self.mask[:t, :t])",
    },
    "no-scale": {"scores / self.head_dim**0.5": "scores"},
    "scale-by-width": {"self.head_dim**0.5": "c**0.5"},
    "scale-without-root": {"self.head_dim**0.5": "self.head_dim"},
    "scale-inverted": {"scores / self.head_dim**0.5": "scores * self.head_dim**0.5"},
    "softmax-over-queries": {"self.head_dim**0.5, dim=-1": "self.head_dim**0.5, dim=-2"},
    "softmax-over-heads": {"self.head_dim**0.5, dim=-1": "self.head_dim**0.5, dim=1"},
    "softmax-over-batch": {"self.head_dim**0.5, dim=-1": "self.head_dim**0.5, dim=0"},
    "no-softmax": {
        _L_SOFTMAX: "scores / self.head_dim**0.5",
        _L_MASK: "self.mask.bool()[:t, :t], -torch.inf",
    },
    "heads-not-transposed": {_L_SPLIT: "x.reshape(b, self.num_heads, t, self.head_dim)"},
    "heads-inside-out": {_L_SPLIT: "x.view(b, t, self.head_dim, self.num_heads).permute(0, 3, 1, 2)"},
    "heads-before-qkv": {
        f"{_L_QKV}\n        queries, keys, values = {_L_SPLITS}": (
            f"torch.cat([{_L_QKV}], -1).view(b, t, self.num_heads, 3, self.head_dim).permute(3, 0, 2, 1, 4)"
        )
    },
    "other-heads": {_L_SPLIT: "x.view(b, t, 1, c).transpose(1, 2)", "self.head_dim**0.5": "c**0.5"},
    "query-key-swapped": {_L_QKV: "self.W_key(x), self.W_query(x), self.W_value(x)"},
    "key-value-swapped": {_L_QKV: "self.W_query(x), self.W_value(x), self.W_key(x)"},
    "query-value-swapped": {_L_QKV: "self.W_value(x), self.W_key(x), self.W_query(x)"},
    "key-as-value": {"weights @ values": "weights @ keys"},
    "merge-not-transposed": {"(weights @ values).transpose(1, 2)": "(weights @ values)"},
    "qkv-transposed": {_L_QKV: "x @ self.W_query.weight, x @ self.W_key.weight, x @ self.W_value.weight"},
    "query-transposed": {"= self.W_query(x)": "= x @ self.W_query.weight"},
    "key-transposed": {" self.W_key(x)": " x @ self.W_key.weight"},
    "value-transposed": {" self.W_value(x)": " x @ self.W_value.weight"},
    "projection-transposed": {"self.out_proj(context)": "context @ self.out_proj.weight + self.out_proj.bias"},
    "projection-missing": {"self.out_proj(context)": "context"},
    "projection-bias-unused": {"self.out_proj(context)": "context @ self.out_proj.weight.T"},
    "exact-gelu": {_L_GELU: "F.gelu(x)"},
    "relu": {_L_GELU: "F.relu(x)"},
    "silu": {_L_GELU: "F.silu(x)"},
    "sigmoid-gelu": {_L_GELU: "x * torch.sigmoid(1.702 * x)"},
    "tanh": {_L_GELU: "x.tanh()"},
    "no-activation": {_L_GELU: "x"},
    "activation-twice": {"return self.layers(x)": "return GELU()(self.layers(x))"},
    "expand-bias-unused": {
        "self.layers(x)": "self.layers[2](self.layers[1](F.linear(x, self.layers[0].weight)))",
    },
    "back-bias-unused": {
        "self.layers(x)": "F.linear(self.layers[1](self.layers[0](x)), self.layers[2].weight)",
    },
    "unbiased-variance": {", unbiased=False": ""},
    "no-eps": {"var + self.eps": "var"},
    "eps-outside-root": {"torch.sqrt(var + self.eps)": "(torch.sqrt(var) + self.eps)"},
    "other-eps": {"1e-5": "1e-6"},
    "no-root": {"torch.sqrt(var + self.eps)": "(var + self.eps)"},
    "no-mean": {_L_NORM: "        y = x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)\n"},
    "norm-over-tokens": {
        "x.mean(dim=-1, keepdim=True)": "x.mean(dim=1, keepdim=True)",
        "x.var(dim=-1": "x.var(dim=1",
    },
    "norm-weights-unused": {"self.scale * y + self.shift": "y"},
    "norm-shift-unused": {" + self.shift": ""},
    "post-norm": _l_block("x = self.norm1(x + self.att(x))", "x = self.norm2(x + self.ff(x))"),
    "norm-on-branch": _l_block("x = x + self.norm1(self.att(x))", "x = x + self.norm2(self.ff(x))"),
    "no-shortcut-1": {"        x = x + shortcut\n": ""},
    "no-shortcut-2": {"return x + shortcut": "return x"},
    "no-shortcuts": _l_block("x = self.att(self.norm1(x))", "x = self.ff(self.norm2(x))"),
    "shortcut-1-after-norm": {"shortcut = x\n        x = self.norm1(x)\n": "x = self.norm1(x)\n        shortcut = x\n"},
    "shortcut-2-after-norm": {"shortcut = x\n        x = self.norm2(x)\n": "x = self.norm2(x)\n        shortcut = x\n"},
    "shortcuts-after-norm": {
        "shortcut = x\n        x = self.norm1(x)\n": "x = self.norm1(x)\n        shortcut = x\n",
        "shortcut = x\n        x = self.norm2(x)\n": "x = self.norm2(x)\n        shortcut = x\n",
    },
    "shortcut-2-from-start": {"shortcut = x\n        x = self.norm2(x)\n": "x = self.norm2(x)\n"},
    "parallel": _l_block("x = x + self.att(self.norm1(x)) + self.ff(self.norm2(x))", "pass"),
    "feed-forward-first": _l_block("x = x + self.ff(self.norm2(x))", "x = x + self.att(self.norm1(x))"),
    "no-norm-1": {"        x = self.norm1(x)\n": ""},
    "no-norm-2": {"        x = self.norm2(x)\n": ""},
    "norm-1-twice": {"x = self.norm2(x)": "x = self.norm1(x)"},
    "norms-swapped": {"x = self.norm1(x)": "x = self.norm0(x)", "x = self.norm2(x)": "x = self.norm1(x)",
                      "self.norm0(x)": "self.norm2(x)"},
    "no-final-norm": {"        x = self.final_norm(x)\n": ""},
    "softmax-on-logits": {"return self.out_head(x)": "return self.out_head(x).softmax(-1)"},
    "log-softmax-on-logits": {"return self.out_head(x)": "return self.out_head(x).log_softmax(-1)"},
    "embedding-as-head": {"return self.out_head(x)": "return x @ self.tok_emb.weight.T"},
    "dropout-left-on": {"self.dropout(weights)": "F.dropout(weights, 0.1)"},
}  # fmt: skip

_N_MASK = 'torch.tril(torch.ones(T, T)) == 0, float("-inf")'
_N_SCALE = "(1.0 / math.sqrt(k.size(-1)))"
_N_NORM = "F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)"
_N_MEAN = "x.mean(-1, keepdim=True)"
_N_VAR = "x.var(-1, keepdim=True, correction=0)"
_N_HALF_1 = "x = x + self.attn(self.ln_1(x))"
_N_HALF_2 = "x = x + self.mlp(self.ln_2(x))"
_N_SPLIT = "self.c_attn(x).split(C, dim=2)"
_N_HEADS = "self.n_head, C // self.n_head).transpose(1, 2)"


def _n_split(how: str) -> Plant:
    return {f"{part} = {part}.view(B, T, {_N_HEADS}": f"{part} = {part}.{how}" for part in "kqv"}


def _n_turned(*parts: int) -> Plant:
    rows = "torch.cat([w.T if i in " + str(parts) + " else w for i, w in enumerate(self.c_attn.weight.chunk(3))])"
    return {_N_SPLIT: f"F.linear(x, {rows}, self.c_attn.bias).split(C, dim=2)"}


def _n_norm(mean: str, divisor: str) -> Plant:
    return {_N_NORM: f"self.weight * (x - {mean}) / {divisor} + self.bias"}


IN_NANOGPT: dict[str, Plant] = {
    "no-positions": {"tok_emb + pos_emb": "tok_emb"},
    "positions-from-one": {"arange(0, t, ": "arange(1, t + 1, "},
    "one-position": {"arange(0, t, ": "zeros(t, "},
    "scaled-embedding": {"transformer.wte(idx)": "transformer.wte(idx) * math.sqrt(24)"},
    "embeddings-multiplied": {"tok_emb + pos_emb": "tok_emb * pos_emb"},
    "no-mask": {f"        att = att.masked_fill({_N_MASK})\n": ""},
    "mask-transposed": {"torch.tril(torch": "torch.triu(torch"},
    "diagonal-masked": {_N_MASK: "torch.tril(torch.ones(T, T), -1) == 0, -1e9"},
    "mask-one-late": {_N_MASK: 'torch.tril(torch.ones(T, T), 1) == 0, float("-inf")'},
    "mask-zeroes-scores": {_N_MASK: "torch.tril(torch.ones(T, T)) == 0, 0.0"},
    "mask-after-softmax": {
        f"        att = att.masked_fill({_N_MASK})\n": "",
        "F.softmax(att, dim=-1)": "F.softmax(att, dim=-1) * torch.tril(torch.ones(T, T))",
    },
    "no-scale": {f" * {_N_SCALE}": ""},
    "scale-by-width": {_N_SCALE: "C**-0.5"},
    "scale-without-root": {_N_SCALE: "(1.0 / k.size(-1))"},
    "scale-inverted": {_N_SCALE: "math.sqrt(k.size(-1))"},
    "softmax-over-queries": {"F.softmax(att, dim=-1)": "F.softmax(att, dim=-2)"},
    "softmax-over-heads": {"F.softmax(att, dim=-1)": "F.softmax(att, dim=1)"},
    "softmax-over-batch": {"F.softmax(att, dim=-1)": "F.softmax(att, dim=0)"},
    "no-softmax": {"        att = F.softmax(att, dim=-1)\n": ""},
    "heads-not-transposed": _n_split("reshape(B, self.n_head, T, C // self.n_head)"),
    "heads-inside-out": _n_split("view(B, T, C // self.n_head, self.n_head).permute(0, 3, 1, 2)"),
    "heads-before-qkv": {
        _N_SPLIT: "(p.reshape(B, T, C) for p in self.c_attn(x).view(B, T, self.n_head, 3, C // self.n_head).unbind(3))"
    },
    "other-heads": _n_split("view(B, T, 1, C).transpose(1, 2)"),
    "query-key-swapped": {"q, k, v = self": "k, q, v = self"},
    "key-value-swapped": {"q, k, v = self": "q, v, k = self"},
    "query-value-swapped": {"q, k, v = self": "v, k, q = self"},
    "key-as-value": {"att @ v": "att @ k"},
    "merge-not-transposed": {"y.transpose(1, 2).contiguous()": "y.contiguous()"},
    "qkv-transposed": _n_turned(0, 1, 2),
    "query-transposed": _n_turned(0, 9),
    "key-transposed": _n_turned(1, 9),
    "value-transposed": _n_turned(2, 9),
    "qkv-bias-unused": {_N_SPLIT: "F.linear(x, self.c_attn.weight).split(C, dim=2)"},
    "projection-transposed": {"self.c_proj(y)": "(y @ self.c_proj.weight + self.c_proj.bias)"},
    "projection-missing": {"self.c_proj(y)": "y"},
    "projection-bias-unused": {"self.c_proj(y)": "y @ self.c_proj.weight.T"},
    "tanh-gelu": {"nn.GELU()": "nn.GELU(approximate='tanh')"},
    "relu": {"nn.GELU()": "nn.ReLU()"},
    "silu": {"nn.GELU()": "nn.SiLU()"},
    "sigmoid-gelu": {"self.gelu(x)": "x * torch.sigmoid(1.702 * x)"},
    "tanh": {"nn.GELU()": "nn.Tanh()"},
    "no-activation": {"        x = self.gelu(x)\n": ""},
    "activation-twice": {"return self.dropout(x)": "return F.gelu(x, approximate='tanh')"},
    "expand-bias-unused": {"self.c_fc(x)": "x @ self.c_fc.weight.T"},
    "back-bias-unused": {"x = self.c_proj(x)": "x = x @ self.c_proj.weight.T"},
    "unbiased-variance": _n_norm(_N_MEAN, "(x.std(-1, keepdim=True) + 1e-5)"),
    "no-eps": _n_norm(_N_MEAN, f"torch.sqrt({_N_VAR})"),
    "eps-outside-root": _n_norm(_N_MEAN, f"(torch.sqrt({_N_VAR}) + 1e-5)"),
    "other-eps": {"1e-5": "1e-12"},
    "no-root": _n_norm(_N_MEAN, f"({_N_VAR} + 1e-5)"),
    "no-mean": _n_norm("0", "torch.sqrt((x**2).mean(-1, keepdim=True) + 1e-5)"),
    "norm-over-tokens": _n_norm("x.mean(1, keepdim=True)", "torch.sqrt(x.var(1, keepdim=True, correction=0) + 1e-5)"),
    "norm-weights-unused": {"self.weight, self.bias, 1e-5": "None, None, 1e-5"},
    "norm-shift-unused": {"self.bias, 1e-5": "None, 1e-5"},
    "post-norm": {_N_HALF_1: "x = self.ln_1(x + self.attn(x))", _N_HALF_2: "x = self.ln_2(x + self.mlp(x))"},
    "norm-on-branch": {_N_HALF_1: "x = x + self.ln_1(self.attn(x))", _N_HALF_2: "x = x + self.ln_2(self.mlp(x))"},
    "no-shortcut-1": {_N_HALF_1: "x = self.attn(self.ln_1(x))"},
    "no-shortcut-2": {_N_HALF_2: "x = self.mlp(self.ln_2(x))"},
    "no-shortcuts": {_N_HALF_1: "x = self.attn(self.ln_1(x))", _N_HALF_2: "x = self.mlp(self.ln_2(x))"},
    "shortcut-1-after-norm": {_N_HALF_1: "x = self.ln_1(x)\n        x = x + self.attn(x)"},
    "shortcut-2-after-norm": {_N_HALF_2: "x = self.ln_2(x)\n        x = x + self.mlp(x)"},
    "shortcuts-after-norm": {
        _N_HALF_1: "x = self.ln_1(x)\n        x = x + self.attn(x)",
        _N_HALF_2: "x = self.ln_2(x)\n        x = x + self.mlp(x)",
    },
    "shortcut-2-from-start": {
        _N_HALF_1: "y = x + self.attn(self.ln_1(x))",
        _N_HALF_2: "x = x + self.mlp(self.ln_2(y))",
    },
    "parallel": {_N_HALF_1: "x = x + self.attn(self.ln_1(x)) + self.mlp(self.ln_2(x))", f"        {_N_HALF_2}\n": ""},
    "feed-forward-first": {f"        {_N_HALF_1}\n": "", _N_HALF_2: f"{_N_HALF_2}\n        {_N_HALF_1}"},
    "no-norm-1": {_N_HALF_1: "x = x + self.attn(x)"},
    "no-norm-2": {_N_HALF_2: "x = x + self.mlp(x)"},
    "norm-1-twice": {_N_HALF_2: "x = x + self.mlp(self.ln_1(x))"},
    "norms-swapped": {_N_HALF_1: "x = x + self.attn(self.ln_2(x))", _N_HALF_2: "x = x + self.mlp(self.ln_1(x))"},
    "no-final-norm": {"        x = self.transformer.ln_f(x)\n": ""},
    "softmax-on-logits": {"return logits, loss": "return logits.softmax(-1), loss"},
    "log-softmax-on-logits": {"return logits, loss": "return logits.log_softmax(-1), loss"},
    "embedding-as-head": {
        "        self.transformer.wte.weight = self.lm_head.weight\n": "",
        "self.lm_head(x[:, [-1], :])": "x[:, [-1], :] @ self.transformer.wte.weight.T",
    },
    "dropout-left-on": {", training=self.training": ""},
}

WAYS = {"lecture": (LECTURE, IN_LECTURE, "GPTModel"), "nanogpt": (NANOGPT, IN_NANOGPT, "make")}


def plant(folder: Path, way: str, *names: str) -> str:
    """Write a network with mistakes in it and return how ``check`` is told of it."""
    source, plants, entry = WAYS[way]
    for name in names:
        for piece, other in plants[name].items():
            assert piece in source, f"{way} has no {piece!r} to plant {name} in"
            source = source.replace(piece, other)
    file = folder / f"my_{way}.py"
    file.write_text(source, encoding="utf-8")
    return f"{file}:{entry}"
