"""Decoders after GPT-2 as people write them, with a mistake planted in the source by name.

One way has the names of the lecture's author and takes his dictionary; the other has those of transformers, with fused
projections. Each source is right as it stands. A plant replaces pieces of it; every piece must be there.
"""

from pathlib import Path

Plant = dict[str, str]

# Llama and Qwen3, by their dictionaries.
LECTURE = """
import torch
import torch.nn.functional as F
from torch import nn

LLAMA = {
    "vocab_size": 61, "context_length": 64, "emb_dim": 24, "n_heads": 4, "n_layers": 2, "hidden_dim": 40,
    "n_kv_groups": 2, "rope_base": 500_000.0, "dtype": torch.bfloat16,
    "rope_freq": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_context_length": 16},
}
QWEN = {
    "vocab_size": 61, "context_length": 64, "emb_dim": 24, "n_heads": 4, "n_layers": 2, "hidden_dim": 40,
    "n_kv_groups": 2, "rope_base": 1_000_000.0, "dtype": torch.bfloat16, "head_dim": 8, "qk_norm": True,
}


MIXTURE = {**QWEN, "num_experts": 5, "num_experts_per_tok": 2, "moe_intermediate_size": 12}


def angles(width, base, length, freq):
    inv = 1.0 / (base ** (torch.arange(0, width, 2).float() / width))
    if freq is not None:
        waves = 2 * torch.pi / inv
        low = freq["original_context_length"] / freq["low_freq_factor"]
        high = freq["original_context_length"] / freq["high_freq_factor"]
        smooth = (freq["original_context_length"] / waves - freq["low_freq_factor"]) / (
            freq["high_freq_factor"] - freq["low_freq_factor"]
        )
        between = (1 - smooth) * inv / freq["factor"] + smooth * inv
        inv = torch.where(waves > low, inv / freq["factor"], torch.where(waves < high, inv, between))
    turned = torch.arange(length).float()[:, None] * inv
    turned = torch.cat((turned, turned), dim=-1)
    return turned.cos(), turned.sin()


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    first, second = x[..., :half], x[..., half:]
    across = torch.cat((-second, first), dim=-1)
    return (x * cos[: x.shape[2]] + across * sin[: x.shape[2]]).to(x.dtype)


class RMSNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.eps = eps
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x):
        wide = x.to(torch.float32)
        normed = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
        return (normed * self.scale).to(x.dtype)


class Attention(nn.Module):
    def __init__(self, cfg, eps):
        super().__init__()
        self.heads, self.groups = cfg["n_heads"], cfg["n_kv_groups"]
        self.width = cfg.get("head_dim") or cfg["emb_dim"] // cfg["n_heads"]
        kind = {"bias": False, "dtype": cfg["dtype"]}
        self.W_query = nn.Linear(cfg["emb_dim"], self.heads * self.width, **kind)
        self.W_key = nn.Linear(cfg["emb_dim"], self.groups * self.width, **kind)
        self.W_value = nn.Linear(cfg["emb_dim"], self.groups * self.width, **kind)
        self.out_proj = nn.Linear(self.heads * self.width, cfg["emb_dim"], **kind)
        self.q_norm = RMSNorm(self.width, eps) if cfg.get("qk_norm") else nn.Identity()
        self.k_norm = RMSNorm(self.width, eps) if cfg.get("qk_norm") else nn.Identity()

    def forward(self, x, mask, cos, sin):
        b, t, _ = x.shape
        q = self.W_query(x).view(b, t, self.heads, self.width).transpose(1, 2)
        k = self.W_key(x).view(b, t, self.groups, self.width).transpose(1, 2)
        v = self.W_value(x).view(b, t, self.groups, self.width).transpose(1, 2)
        q, k = self.q_norm(q), self.k_norm(k)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        k = k.repeat_interleave(self.heads // self.groups, dim=1)
        v = v.repeat_interleave(self.heads // self.groups, dim=1)
        scores = (q @ k.transpose(2, 3)).masked_fill(mask, -torch.inf)
        weights = torch.softmax(scores / self.width**0.5, dim=-1)
        return self.out_proj((weights @ v).transpose(1, 2).reshape(b, t, -1))


class FeedForward(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        kind = {"bias": False, "dtype": cfg["dtype"]}
        self.fc1 = nn.Linear(cfg["emb_dim"], cfg["hidden_dim"], **kind)
        self.fc2 = nn.Linear(cfg["emb_dim"], cfg["hidden_dim"], **kind)
        self.fc3 = nn.Linear(cfg["hidden_dim"], cfg["emb_dim"], **kind)

    def forward(self, x):
        return self.fc3(F.silu(self.fc1(x)) * self.fc2(x))


class Mixture(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.amount, self.visited = cfg["num_experts"], cfg["num_experts_per_tok"]
        kind = {"bias": False, "dtype": cfg["dtype"]}
        wide, narrow = cfg["emb_dim"], cfg["moe_intermediate_size"]
        self.gate = nn.Linear(wide, self.amount, **kind)
        self.fc1 = nn.ModuleList([nn.Linear(wide, narrow, **kind) for _ in range(self.amount)])
        self.fc2 = nn.ModuleList([nn.Linear(wide, narrow, **kind) for _ in range(self.amount)])
        self.fc3 = nn.ModuleList([nn.Linear(narrow, wide, **kind) for _ in range(self.amount)])

    def forward(self, x):
        scores, chosen = torch.topk(self.gate(x), self.visited, dim=-1)
        shares = torch.softmax(scores, dim=-1)
        out = torch.zeros_like(x)
        for expert in range(self.amount):
            share = (shares * (chosen == expert)).sum(-1, keepdim=True)
            given = self.fc3[expert](F.silu(self.fc1[expert](x)) * self.fc2[expert](x))
            out = out + share * given
        return out


class Block(nn.Module):
    def __init__(self, cfg, eps):
        super().__init__()
        self.att = Attention(cfg, eps)
        self.ff = Mixture(cfg) if cfg.get("num_experts") else FeedForward(cfg)
        self.norm1, self.norm2 = RMSNorm(cfg["emb_dim"], eps), RMSNorm(cfg["emb_dim"], eps)

    def forward(self, x, mask, cos, sin):
        x = x + self.att(self.norm1(x), mask, cos, sin)
        return x + self.ff(self.norm2(x))


class Decoder(nn.Module):
    eps = 1e-6

    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.tok_emb = nn.Embedding(cfg["vocab_size"], cfg["emb_dim"], dtype=cfg["dtype"])
        self.trf_blocks = nn.ModuleList([Block(cfg, self.eps) for _ in range(cfg["n_layers"])])
        self.final_norm = RMSNorm(cfg["emb_dim"], self.eps)
        self.out_head = nn.Linear(cfg["emb_dim"], cfg["vocab_size"], bias=False, dtype=cfg["dtype"])
        width = cfg.get("head_dim") or cfg["emb_dim"] // cfg["n_heads"]
        cos, sin = angles(width, cfg["rope_base"], cfg["context_length"], cfg.get("rope_freq"))
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, ids):
        t = ids.shape[1]
        x = self.tok_emb(ids)
        mask = torch.triu(torch.ones(t, t, dtype=torch.bool), diagonal=1)
        for block in self.trf_blocks:
            x = block(x, mask, self.cos, self.sin)
        return self.out_head(self.final_norm(x).to(self.cfg["dtype"]))


class Llama(Decoder):
    eps = 1e-5


def make_llama():
    return Llama(LLAMA)


def make_qwen():
    return Decoder(QWEN)


def make_mixture():
    return Decoder(MIXTURE)
"""

# Gemma 3, or 2 with its caps, in transformers' names with query, key, value and gate, up in one layer each.
TRANSFORMERS = """
import math
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import nn

SETTINGS = {
    "model_type": "gemma3_text", "vocab_size": 61, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64,
    "rms_norm_eps": 1e-6, "hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 16, "sliding_window": 5,
    "layer_types": ["sliding_attention", "full_attention"], "tie_word_embeddings": True,
    "rope_theta": 1_000_000.0, "rope_local_base_freq": 10_000.0,
}
CAPS = {"attn_logit_softcapping": None, "final_logit_softcapping": None}
SETTINGS_2 = {
    **{key: value for key, value in SETTINGS.items() if key != "rope_local_base_freq"},
    "model_type": "gemma2", "rope_theta": 10_000.0, "attn_logit_softcapping": 1.0, "final_logit_softcapping": 2.0,
}


class Config(SimpleNamespace):
    def to_dict(self):
        return vars(self)


class RMSNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.zeros(width))

    def forward(self, x):
        y = x.float()
        y = y / torch.sqrt(y.pow(2).mean(-1, keepdim=True) + self.eps)
        return (y * (1.0 + self.weight.float())).type_as(x)


def rotation(positions, width, base):
    freqs = positions[:, None] / base ** (torch.arange(0, width, 2) / width)
    return torch.polar(torch.ones_like(freqs), freqs)


def turn(x, factors):
    half = x.shape[-1] // 2
    pairs = torch.complex(x[..., :half], x[..., half:]) * factors
    return torch.cat((pairs.real, pairs.imag), dim=-1)


class Attention(nn.Module):
    def __init__(self, config, local):
        super().__init__()
        self.config, self.local = config, local
        q, kv = config.num_attention_heads * config.head_dim, config.num_key_value_heads * config.head_dim
        self.qkv_proj = nn.Linear(config.hidden_size, q + 2 * kv, bias=False)
        self.o_proj = nn.Linear(q, config.hidden_size, bias=False)
        if config.model_type == "gemma3_text":
            self.q_norm = RMSNorm(config.head_dim, config.rms_norm_eps)
            self.k_norm = RMSNorm(config.head_dim, config.rms_norm_eps)
        self.scaling = config.query_pre_attn_scalar**-0.5

    def forward(self, x):
        c = self.config
        b, t, _ = x.shape
        heads, groups, width = c.num_attention_heads, c.num_key_value_heads, c.head_dim
        q, k, v = self.qkv_proj(x).split([heads * width, groups * width, groups * width], dim=-1)
        q, k, v = q.view(b, t, heads, width), k.view(b, t, groups, width), v.view(b, t, groups, width)
        if c.model_type == "gemma3_text":
            q, k = self.q_norm(q), self.k_norm(k)
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        base = c.rope_local_base_freq if self.local and c.model_type == "gemma3_text" else c.rope_theta
        factors = rotation(torch.arange(t), width, base)
        q, k = turn(q, factors), turn(k, factors)
        k = k[:, :, None].expand(b, groups, heads // groups, t, width).reshape(b, heads, t, width)
        v = v[:, :, None].expand(b, groups, heads // groups, t, width).reshape(b, heads, t, width)
        scores = q @ k.mT * self.scaling
        if c.attn_logit_softcapping:
            scores = c.attn_logit_softcapping * torch.tanh(scores / c.attn_logit_softcapping)
        distance = torch.arange(t)[:, None] - torch.arange(t)
        hidden = distance < 0
        if self.local:
            hidden = hidden | (distance >= c.sliding_window)
        weights = F.softmax(scores.masked_fill(hidden, float("-inf")), dim=-1)
        return self.o_proj((weights @ v).transpose(1, 2).reshape(b, t, -1))


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gate_up_proj = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x):
        gate, up = self.gate_up_proj(x).chunk(2, dim=-1)
        return self.down_proj(F.gelu(gate, approximate="tanh") * up)


class Layer(nn.Module):
    def __init__(self, config, local):
        super().__init__()
        self.self_attn = Attention(config, local)
        self.mlp = MLP(config)
        norms = [RMSNorm(config.hidden_size, config.rms_norm_eps) for _ in range(4)]
        self.input_layernorm, self.post_attention_layernorm = norms[:2]
        self.pre_feedforward_layernorm, self.post_feedforward_layernorm = norms[2:]

    def forward(self, x):
        x = x + self.post_attention_layernorm(self.self_attn(self.input_layernorm(x)))
        return x + self.post_feedforward_layernorm(self.mlp(self.pre_feedforward_layernorm(x)))


class Model(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([Layer(config, kind == "sliding_attention") for kind in config.layer_types])
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, ids):
        x = self.embed_tokens(ids)
        x = x * math.sqrt(x.shape[-1])
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)


class ForCausalLM(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.model = Model(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.lm_head.weight = self.model.embed_tokens.weight

    def forward(self, ids):
        logits = self.lm_head(self.model(ids))
        cap = self.config.final_logit_softcapping
        if cap:
            logits = cap * torch.tanh(logits / cap)
        return {"logits": logits}


def make_gemma3():
    return ForCausalLM(Config(**SETTINGS, **CAPS))


def make_gemma2():
    return ForCausalLM(Config(**SETTINGS_2))
"""

_L_ROTATED = "q, k = rotate(q, cos, sin), rotate(k, cos, sin)"
_L_NORMED = "q, k = self.q_norm(q), self.k_norm(k)"
_L_ACROSS = "across = torch.cat((-second, first), dim=-1)"
_L_HALVES = "first, second = x[..., :half], x[..., half:]"
_L_EVEN = "first, second = x[..., ::2], x[..., 1::2]"
_L_STACKED = "across = torch.stack((-second, first), dim=-1).flatten(-2)"
_L_TWICE = "turned = torch.cat((turned, turned), dim=-1)"
_L_IN_A_ROW = "turned = turned.repeat_interleave(2, dim=-1)"
_L_ROOT = "torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)"
_L_HALF_1 = "x = x + self.att(self.norm1(x), mask, cos, sin)"
_L_HALF_2 = "return x + self.ff(self.norm2(x))"
_L_FEED = "self.fc3(F.silu(self.fc1(x)) * self.fc2(x))"

IN_LLAMA: dict[str, Plant] = {
    "rotation-interleaved": {_L_HALVES: _L_EVEN, _L_ACROSS: _L_STACKED, _L_TWICE: _L_IN_A_ROW},
    "rotation-mixed": {_L_HALVES: _L_EVEN, _L_ACROSS: _L_STACKED},
    "rotation-mixed ": {_L_TWICE: _L_IN_A_ROW},
    "rotation-reversed": {_L_ACROSS: "across = torch.cat((second, -first), dim=-1)"},
    "no-rotation": {_L_ROTATED: "pass"},
    "keys-not-rotated": {_L_ROTATED: "q = rotate(q, cos, sin)"},
    "queries-not-rotated": {_L_ROTATED: "k = rotate(k, cos, sin)"},
    "values-rotated": {_L_ROTATED: f"{_L_ROTATED}\n        v = rotate(v, cos, sin)"},
    "rotation-by-head": {
        _L_ROTATED: "q, k = (rotate(x.transpose(1, 2), cos, sin).transpose(1, 2) for x in (q, k))",
    },
    "rotation-base": {'cfg["rope_base"], cfg': "10_000.0, cfg"},
    "rotation-base ": {"base ** (": "1_000_000.0 ** ("},
    "no-rotation-scaling": {'cfg.get("rope_freq")': "None"},
    "kv-heads-order": {
        f"{each} = {each}.repeat_interleave(self.heads // self.groups, dim=1)": (
            f"{each} = {each}.repeat(1, self.heads // self.groups, 1, 1)"
        )
        for each in "kv"
    },
    "kv-heads-order ": {
        "k = k.repeat_interleave(self.heads // self.groups, dim=1)": "k = torch.cat([k] * 2, dim=1)",
    },
    "gate-up-swapped": {_L_FEED: "self.fc3(F.silu(self.fc2(x)) * self.fc1(x))"},
    "no-up": {_L_FEED: "self.fc3(F.silu(self.fc1(x)))"},
    "gelu": {"F.silu": "F.gelu"},
    "relu": {"F.silu": "F.relu"},
    "sigmoid": {"F.silu": "torch.sigmoid"},
    "no-activation": {"F.silu(self.fc1(x))": "self.fc1(x)"},
    "norm-with-one": {"normed * self.scale": "normed * (1 + self.scale)"},
    "other-eps": {"eps = 1e-5": "eps = 1e-6"},
    "no-eps": {_L_ROOT: "torch.rsqrt(wide.pow(2).mean(-1, keepdim=True))"},
    "no-eps ": {"return (normed * self.scale)": "return F.rms_norm(x, x.shape[-1:], self.scale)"},
    "eps-outside-root": {f"wide * {_L_ROOT}": "wide / (wide.pow(2).mean(-1, keepdim=True).sqrt() + self.eps)"},
    "no-root": {f"wide * {_L_ROOT}": "wide / (wide.pow(2).mean(-1, keepdim=True) + self.eps)"},
    "norm-weights-unused": {"normed * self.scale": "normed"},
    "no-scale": {"scores / self.width**0.5": "scores"},
    "scale-by-width": {"self.width**0.5": "x.shape[-1]**0.5"},
    "no-mask": {".masked_fill(mask, -torch.inf)": ""},
    "diagonal-masked": {"diagonal=1": "diagonal=0", "mask, -torch.inf": "mask, -1e9"},
    "merge-not-transposed": {"(weights @ v).transpose(1, 2)": "(weights @ v)"},
    "projection-missing": {"self.out_proj((weights @ v).transpose(1, 2).reshape(b, t, -1))": (
        "(weights @ v).transpose(1, 2).reshape(b, t, -1)"
    )},
    "post-norm": {
        _L_HALF_1: "x = self.norm1(x + self.att(x, mask, cos, sin))", _L_HALF_2: "return self.norm2(x + self.ff(x))",
    },
    "norm-on-branch": {
        _L_HALF_1: "x = x + self.norm1(self.att(x, mask, cos, sin))", _L_HALF_2: "return x + self.norm2(self.ff(x))",
    },
    "no-norm-1": {_L_HALF_1: "x = x + self.att(x, mask, cos, sin)"},
    "no-norm-2": {_L_HALF_2: "return x + self.ff(x)"},
    "norms-swapped": {
        _L_HALF_1: "x = x + self.att(self.norm2(x), mask, cos, sin)", _L_HALF_2: "return x + self.ff(self.norm1(x))",
    },
    "norm-1-twice": {_L_HALF_2: "return x + self.ff(self.norm1(x))"},
    "parallel": {_L_HALF_1: "y = x + self.att(self.norm1(x), mask, cos, sin)",
                 _L_HALF_2: "return y + self.ff(self.norm2(x))"},
    "no-shortcut-1": {_L_HALF_1: "x = self.att(self.norm1(x), mask, cos, sin)"},
    "no-final-norm": {"self.final_norm(x)": "x"},
    "scaled-embedding": {"x = self.tok_emb(ids)": "x = self.tok_emb(ids) * 24**0.5"},
    "embedding-as-head": {"self.out_head(self.final_norm(x).to(self.cfg[\"dtype\"]))": (
        "self.final_norm(x) @ self.tok_emb.weight.T"
    )},
}  # fmt: skip

IN_QWEN: dict[str, Plant] = {
    "qk-norm-after-rotation": {_L_NORMED: "pass", _L_ROTATED: f"{_L_ROTATED}\n        {_L_NORMED}"},
    "no-qk-norm": {_L_NORMED: "pass"},
    "no-query-norm": {_L_NORMED: "k = self.k_norm(k)"},
    "no-key-norm": {_L_NORMED: "q = self.q_norm(q)"},
    "other-eps": {
        'self.q_norm = RMSNorm(self.width, eps)': 'self.q_norm = RMSNorm(self.width, 1e-5)',
        'self.k_norm = RMSNorm(self.width, eps)': 'self.k_norm = RMSNorm(self.width, 1e-5)',
    },
    "rotation-base": {'cfg["rope_base"], cfg': "10_000.0, cfg"},
    "rotation-interleaved": IN_LLAMA["rotation-interleaved"],
    "kv-heads-order": IN_LLAMA["kv-heads-order"],
    "gate-up-swapped": IN_LLAMA["gate-up-swapped"],
    "scale-by-width": IN_LLAMA["scale-by-width"],
}  # fmt: skip

_M_CHOSEN = "scores, chosen = torch.topk(self.gate(x), self.visited, dim=-1)"
_M_SHARES = "shares = torch.softmax(scores, dim=-1)"
_M_GATED = "F.silu(self.fc1[expert](x)) * self.fc2[expert](x)"

IN_MIXTURE: dict[str, Plant] = {
    "softmax-before-top-k": {
        _M_CHOSEN: "shares, chosen = torch.topk(self.gate(x).softmax(-1), self.visited, dim=-1)", _M_SHARES: "pass",
    },
    "softmax-before-top-k ": {_M_SHARES: "shares = self.gate(x).softmax(-1).gather(-1, chosen)"},
    "experts-unweighted": {_M_SHARES: "shares = torch.ones_like(scores)"},
    "experts-averaged": {_M_SHARES: "shares = torch.ones_like(scores) / self.visited"},
    "gate-up-swapped": {_M_GATED: "F.silu(self.fc2[expert](x)) * self.fc1[expert](x)"},
    "gelu": {"F.silu(self.fc1[expert]": "F.gelu(self.fc1[expert]"},
    "relu": {"F.silu(self.fc1[expert]": "F.relu(self.fc1[expert]"},
    "other-top-k": {_M_CHOSEN: "scores, chosen = torch.topk(self.gate(x), 1, dim=-1)"},
    "qk-norm-after-rotation": IN_QWEN["qk-norm-after-rotation"],
}  # fmt: skip

_T_SCALED = "x = x * math.sqrt(x.shape[-1])"
_T_WINDOW = "distance >= c.sliding_window"
_T_ONE = "(1.0 + self.weight.float())"
_T_NORMED = "q, k = self.q_norm(q), self.k_norm(k)"
_T_TURNED = "q, k = turn(q, factors), turn(k, factors)"
_T_HALF_1 = "x = x + self.post_attention_layernorm(self.self_attn(self.input_layernorm(x)))"
_T_HALF_2 = "return x + self.post_feedforward_layernorm(self.mlp(self.pre_feedforward_layernorm(x)))"
_T_BASE = 'base = c.rope_local_base_freq if self.local and c.model_type == "gemma3_text" else c.rope_theta'
_T_EXPANDED = "[:, :, None].expand(b, groups, heads // groups, t, width)"
_T_OTHER_WAY = "[:, None].expand(b, heads // groups, groups, t, width)"

IN_GEMMA3: dict[str, Plant] = {
    "no-embedding-scale": {_T_SCALED: "pass"},
    "norm-without-one": {_T_ONE: "self.weight.float()"},
    "window-one-more": {_T_WINDOW: "distance > c.sliding_window"},
    "window-one-less": {_T_WINDOW: "distance >= c.sliding_window - 1"},
    "no-window": {f"hidden = hidden | ({_T_WINDOW})": "pass"},
    "window-everywhere": {"        if self.local:\n": "        if True:\n"},
    "scale-by-head-width": {"config.query_pre_attn_scalar**-0.5": "config.head_dim**-0.5"},
    "scale-twice": {"* self.scaling": "* self.scaling / math.sqrt(width)"},
    "no-scale": {" * self.scaling": ""},
    "rotation-base": {_T_BASE: "base = c.rope_theta"},
    "rotation-base ": {_T_BASE: "base = c.rope_local_base_freq"},
    "rotation-base  ": {"if self.local and": "if not self.local and"},
    "qk-norm-after-rotation": {
        _T_NORMED: "pass",
        _T_TURNED: f"{_T_TURNED}\n        {_T_NORMED}",
    },
    "no-qk-norm": {_T_NORMED: "pass"},
    "kv-heads-order": {f"{each}{_T_EXPANDED}": f"{each}{_T_OTHER_WAY}" for each in "kv"},
    "gate-up-swapped": {"gate, up =": "up, gate ="},
    "exact-gelu": {', approximate="tanh"': ""},
    "no-post-norms": {
        _T_HALF_1: "x = x + self.self_attn(self.input_layernorm(x))",
        _T_HALF_2: "return x + self.mlp(self.pre_feedforward_layernorm(x))",
    },
    "no-post-norm-1": {_T_HALF_1: "x = x + self.self_attn(self.input_layernorm(x))"},
    "no-post-norm-2": {_T_HALF_2: "return x + self.mlp(self.pre_feedforward_layernorm(x))"},
    "post-norm-after-sum": {
        _T_HALF_1: "x = self.post_attention_layernorm(x + self.self_attn(self.input_layernorm(x)))",
        _T_HALF_2: "return self.post_feedforward_layernorm(x + self.mlp(self.pre_feedforward_layernorm(x)))",
    },
    "post-attention-norm-before-feed-forward": {
        _T_HALF_1: "x = x + self.self_attn(self.input_layernorm(x))",
        _T_HALF_2: "return x + self.mlp(self.post_attention_layernorm(x))",
    },
    "norms-swapped": {
        _T_HALF_1: "x = x + self.pre_feedforward_layernorm(self.self_attn(self.input_layernorm(x)))",
        _T_HALF_2: "return x + self.post_feedforward_layernorm(self.mlp(self.post_attention_layernorm(x)))",
    },
    "no-norm-1": {"self.self_attn(self.input_layernorm(x))": "self.self_attn(x)"},
    "no-norm-2": {"self.mlp(self.pre_feedforward_layernorm(x))": "self.mlp(x)"},
    "other-eps": {'"rms_norm_eps": 1e-6': '"rms_norm_eps": 1e-6, "eps": 1e-5', "self.eps = eps": "self.eps = 1e-5"},
}
IN_GEMMA2: dict[str, Plant] = {
    "no-score-cap": {"if c.attn_logit_softcapping:": "if False:"},
    "no-logit-cap": {"        if cap:": "        if False:"},
    "no-embedding-scale": {_T_SCALED: "pass"},
    "window-one-more": {_T_WINDOW: "distance > c.sliding_window"},
}

# Way -> its source, what is planted there, what is checked.
WAYS = {
    "llama": (LECTURE, IN_LLAMA, "make_llama"),
    "qwen": (LECTURE, IN_QWEN, "make_qwen"),
    "mixture": (LECTURE, IN_MIXTURE, "make_mixture"),
    "gemma3": (TRANSFORMERS, IN_GEMMA3, "make_gemma3"),
    "gemma2": (TRANSFORMERS, IN_GEMMA2, "make_gemma2"),
}


def plant(folder: Path, way: str, *names: str, entry: str = "") -> str:
    """Write a network with mistakes in it and return how ``check`` is told of it.

    Args:
        folder: where.
        way: of writing.
        names: of plants; blanks at the end of one tell several for the same mistake apart.
        entry: what is checked, where it is not the way's usual function.
    """
    source, plants, usual = WAYS[way]
    for name in names:
        for piece, other in plants[name].items():
            assert piece in source, f"{way} has no {piece!r} to plant {name} in"
            source = source.replace(piece, other)
    file = folder / f"my_{way}.py"
    file.write_text(source, encoding="utf-8")
    return f"{file}:{entry or usual}"
