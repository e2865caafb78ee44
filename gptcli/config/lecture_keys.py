"""Tells a dictionary of the lecture's author for a later model from a config in our own keys: they share names."""

from collections.abc import Set

_SIZES = {"vocab_size", "context_length", "emb_dim", "n_heads", "n_layers"}
# What his dictionaries for Llama, Qwen3 and Gemma 3 say in words that are ours too.
_SHARED = _SIZES | {
    "name", "hidden_dim", "head_dim", "qk_norm", "n_kv_groups", "rope_base", "rope_local_base", "sliding_window",
    "num_experts", "num_experts_per_tok",
}  # fmt: skip
# What his dictionaries for GPT-2 have, and those for the later models never.
_GPT2 = {"drop_rate", "qkv_bias"}
# Beside these, a mixture of experts is the one of his GPT-2 with experts.
_GPT2_WITH_EXPERTS = _SIZES | _GPT2 | {"name", "hidden_dim", "num_experts", "num_experts_per_tok"}


def is_lectures(keys: Set[str]) -> bool:
    """Return whether keys that are all ours are those of a dictionary of the author's for a later model."""
    if not keys >= _SIZES or "hidden_dim" not in keys:
        return False
    if "num_experts" in keys and keys >= _GPT2:
        return keys <= _GPT2_WITH_EXPERTS
    return keys <= _SHARED
