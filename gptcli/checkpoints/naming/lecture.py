"""The names of the lecture's author (Raschka, LLMs-from-scratch) in his models after GPT-2.

Llama, Qwen3 and Gemma 3 of chapter 5, and GPT-2 with grouped heads, windows or experts of chapter 4, share their
names; where norms stand decides which of them are those before a branch.
"""

from gptcli.architecture import Network
from gptcli.architecture.network import INDEX
from gptcli.checkpoints.layouts import LAYOUTS, Layout
from gptcli.checkpoints.naming.family import LAYERS
from gptcli.checkpoints.pieces import Stored, parsed

_NAME = "lecture"
_BLOCKS = ("trf_blocks", "blocks")
_OUTSIDE = {"wte": "tok_emb", "wpe": "pos_emb", "lm_head": "out_head"}
_INSIDE = {
    "attn.c_attn": "att.W_query + att.W_key + att.W_value | att.W_qkv | att.qkv",
    "attn.c_proj": "att.out_proj",
    "mlp.gate_proj": "ff.fc1",
    "mlp.up_proj": "ff.fc2",
    "mlp.c_fc": "ff.layers.0",
    "mlp.c_proj": "ff.fc3 | ff.layers.2",
    "mlp.router": "ff.gate",
}
_EXPERTS = {
    "mlp.experts.gate_up_proj": "ff.fc1.{e}.weight + ff.fc2.{e}.weight",
    "mlp.experts.down_proj": "ff.fc3.{e}.weight",
}
_NORMS = {
    "ln_1": "norm1 | input_layernorm",
    "ln_2": "norm2",
    "attn.q_norm": "att.q_norm",
    "attn.k_norm": "att.k_norm",
}
_NORMS_BESIDE_A_BRANCH = {
    "pre": {},
    "branch": {"ln_1": "post_attention_layernorm", "ln_2": "post_feedforward_layernorm"},
    "sandwich": {
        "ln_1_post": "post_attention_layernorm",
        "ln_2": "pre_feedforward_layernorm",
        "ln_2_post": "post_feedforward_layernorm",
    },
}


def lecture_layout(network: Network) -> Layout:
    """Return the layout of a network in the names of the lecture's author."""
    norms = _NORMS | _NORMS_BESIDE_A_BRANCH.get(network.config.norm_position, {})
    rows = {ours: _plainly(theirs) for ours, theirs in _OUTSIDE.items()}
    rows |= {f"ln_f.{weight}": _norm("final_norm", weight) for weight in _NORM_WEIGHTS}
    for ours, theirs in (_INSIDE | _EXPERTS).items():
        rows[_ours(ours)] = tuple(way for blocks in _BLOCKS for way in _plainly(theirs, f"{blocks}.{INDEX}."))
    for ours, theirs in norms.items():
        for weight in _NORM_WEIGHTS:
            ways = (_norm(f"{blocks}.{INDEX}.{each}", weight) for blocks in _BLOCKS for each in theirs.split(" | "))
            rows[_ours(f"{ours}.{weight}")] = tuple(way for each in ways for way in each)
    return Layout(
        name=_NAME,
        label=LAYOUTS[_NAME].label,
        stored=rows,
        buffers_end=(".mask",),
        stores_tied_head=True,
        family="decoder",
    )


_NORM_WEIGHTS = {"weight": ("weight", "scale"), "bias": ("bias", "shift")}


def _ours(name: str) -> str:
    return f"{LAYERS}.{INDEX}.{name}"


def _norm(module: str, weight: str) -> tuple[Stored, ...]:
    """``nn.RMSNorm`` calls its weight so; his own classes call it scale."""
    return tuple(Stored((f"{module}.{name}",)) for name in _NORM_WEIGHTS[weight])


def _plainly(line: str, before: str = "") -> tuple[Stored, ...]:
    return tuple(Stored(tuple(before + name for name in way.names), way.turned, way.order) for way in parsed(line))
