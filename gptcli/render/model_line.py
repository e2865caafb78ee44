"""Which model, and which way through attention, the numbers below are about."""

from rich.text import Text

from gptcli.architecture.parts.part import part_kind
from gptcli.config import ModelConfig
from gptcli.render.console import QUIET, TITLE


def model_line(config: ModelConfig) -> Text:
    """``gpt2-124m  12 layers, 12 heads, 768 wide, context 1024, vocabulary 50257, untied``."""
    facts = (
        f"{_many(config.n_layers, 'layer')}, {_many(config.n_heads, 'head')}, {config.emb_dim} wide, "
        f"context {config.context_length}, "
        f"{_biases(config)}{_norm(config)}{_activation(config)}, {'tied' if config.weight_tying else 'untied'}"
    )
    return Text.assemble((config.name, TITLE), "  ", (facts, QUIET))


def attention_words(path: str) -> str:
    """Return the words for a path of attention: ``sdpa`` or ``explicit``."""
    return _ATTENTION[path]


_ATTENTION = {"sdpa": "fused attention", "explicit": "explicit attention"}


def _biases(config: ModelConfig) -> str:
    if not config.bias:
        return "no biases"
    return "QKV bias" if config.qkv_bias else "no QKV bias"


def _norm(config: ModelConfig) -> str:
    return "" if config.norm == "layer_norm" else f", {part_kind(config.norm).called}"


def _activation(config: ModelConfig) -> str:
    return ", exact GELU" if config.activation == "gelu" else ""


def _many(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
