"""Falcon (Almazrouei et al. 2023): both branches beside each other, one key and value head or groups of them."""

from gptcli.config.dialects.huggingface._family import Family, reads
from gptcli.config.dialects.huggingface._readings import activation, dropout
from gptcli.config.dialects.huggingface._rope import rope
from gptcli.config.dialects.huggingface._settings import Settings

_ROTATION = rope()


@reads("num_kv_heads", "new_decoder_architecture", "multi_query", "num_attention_heads")
def groups(has: Settings) -> dict[str, object]:
    """The newer architecture has groups, the older one key and value head or one a head."""
    if has.flag("new_decoder_architecture"):
        shared = has.maybe_whole("num_kv_heads")
        return {} if shared in (None, has.value("num_attention_heads")) else {"n_kv_groups": shared}
    return {"n_kv_groups": 1} if has.flag("multi_query") else {}


@reads("parallel_attn", "num_ln_in_parallel_attn", "new_decoder_architecture")
def wiring(has: Settings) -> dict[str, object]:
    """The newer architecture has two norms, the older one."""
    new, norms = has.flag("new_decoder_architecture"), has.maybe_whole("num_ln_in_parallel_attn")
    if not has.flag("parallel_attn"):
        if new:
            raise has.refused("parallel_attn", "but with new_decoder_architecture it is true; write true")
        return {"norm_position": "pre"}
    norms = (2 if new else 1) if norms is None else norms
    if norms not in ((1, 2) if new else (1,)):
        raise has.refused("num_ln_in_parallel_attn", "but it can be 1, or 2 with new_decoder_architecture")
    return {"norm_position": "parallel_two" if norms == 2 else "parallel"}


@reads("ffn_hidden_size", "hidden_size", "n_embed")
def widths(has: Settings) -> dict[str, object]:
    """The feed forward is four times as wide where nobody says otherwise; the older key of the width goes first."""
    inner = has.maybe_whole("ffn_hidden_size")
    width = has.entry("n_embed" if has.gives("n_embed") else "hidden_size")
    return {"emb_dim": width, **({} if inner is None else {"hidden_dim": inner})}


@reads("alibi", *_ROTATION.keys)
def positions(has: Settings) -> dict[str, object]:
    """Slopes, scaled and rounded as scores are, or rotation."""
    if has.flag("alibi"):
        return {"positions": "alibi", "alibi_scaled": True, "alibi_bf16": True}
    return dict(_ROTATION.read(has))


@reads("bias")
def biases(has: Settings) -> dict[str, object]:
    """All linear layers have biases or none; norms always have."""
    return {"qkv_bias": has.flag("bias"), "bias": has.flag("bias"), "norm_bias": True}


FAMILY = Family(
    keys={
        "vocab_size": "vocab_size",
        "max_position_embeddings": "context_length",
        "num_attention_heads": "n_heads",
        "num_hidden_layers": "n_layers",
        "layer_norm_epsilon": "norm_eps",
        "tie_word_embeddings": "weight_tying",
    },
    readings=(
        groups,
        wiring,
        widths,
        positions,
        biases,
        activation("activation"),
        dropout("hidden_dropout", attention="attention_dropout"),
    ),
    implied={"init": "gpt2", "family": "falcon"},
)
