"""Persimmon (Adept 2023): squared ReLU, queries and keys normed, half of each head rotated."""

from gptcli.config.dialects.huggingface._family import Family
from gptcli.config.dialects.huggingface._readings import activation, dropout
from gptcli.config.dialects.huggingface._rope import rope
from gptcli.config.dialects.huggingface.families._llama_like import SIZES
from gptcli.config.dialects.huggingface.families.phi import qk_norm

FAMILY = Family(
    keys={**SIZES, "layer_norm_eps": "norm_eps"},
    readings=(
        qk_norm,
        activation("hidden_act"),
        dropout("hidden_dropout", attention="attention_dropout"),
        rope(fraction=0.5, odd=False),
    ),
    implied={"bias": True, "qkv_bias": True, "init": "gpt2", "family": "persimmon"},
    nothing=frozenset({"num_key_value_heads"}),  # no code reads it
)
