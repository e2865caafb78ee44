"""Which model, and which way through attention, the numbers below are about."""

from rich.text import Text

from gptcli.architecture.parts.part import part_kind
from gptcli.config import ModelConfig
from gptcli.config.pattern import CHUNKS, WINDOWS
from gptcli.render.console import QUIET, TITLE


def model_line(config: ModelConfig) -> Text:
    """``gpt2-124m  12 layers, 12 heads, 768 wide, context 1024, vocabulary 50257, untied``."""
    facts = [
        _many(config.n_layers, "layer"),
        _heads(config),
        f"{config.emb_dim} wide",
        f"context {config.context_length}",
        *_attention(config),
        *_experts(config),
        *_biases(config),
        *_norm(config),
        *_activation(config),
        "tied" if config.weight_tying else "untied",
    ]
    return Text.assemble((config.name, TITLE), "  ", (", ".join(facts), QUIET))


def attention_words(path: str) -> str:
    """Return the words for a path of attention: ``sdpa`` or ``explicit``."""
    return _ATTENTION[path]


ROUTING = "Routing is taken as balanced, each expert as often; the figures are the same for any other."
"""Said below figures of a network with experts."""

_ATTENTION = {"sdpa": "fused attention", "explicit": "explicit attention"}
_POSITIONS = {
    "learned": [],
    "rotary": ["rotary positions"],
    "alibi": ["ALiBi"],
    "sinusoidal": ["sinusoidal positions"],
    "none": ["no positions"],
}


def _heads(config: ModelConfig) -> str:
    heads, shared = _many(config.n_heads, "head"), config.n_kv_groups
    return heads if shared in (None, config.n_heads) or config.kv_lora_rank else f"{heads} on {shared}"


def _attention(config: ModelConfig) -> list[str]:
    """Say what attention has that GPT-2's has not, and how positions are known."""
    found = ["latent attention"] if config.kv_lora_rank else []
    if WINDOWS & set(config.layer_pattern):
        found.append(f"window {config.sliding_window}")
    if CHUNKS & set(config.layer_pattern):
        found.append(f"chunks of {config.attention_chunk}")
    return found + _POSITIONS[config.positions]


def _experts(config: ModelConfig) -> list[str]:
    return [f"{config.num_experts_per_tok} of {config.num_experts} experts"] if config.num_experts else []


def _biases(config: ModelConfig) -> list[str]:
    """Say which biases there are: of a later decoder only where there are some, which is rare."""
    if config.positions != "learned":
        return ["QKV bias"] if config.qkv_bias else []
    if not config.bias:
        return ["no biases"]
    return ["QKV bias" if config.qkv_bias else "no QKV bias"]


def _norm(config: ModelConfig) -> list[str]:
    return [] if config.norm == "layer_norm" or config.positions != "learned" else [part_kind(config.norm).called]


def _activation(config: ModelConfig) -> list[str]:
    return ["exact GELU"] if config.activation == "gelu" and config.positions == "learned" else []


def _many(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
