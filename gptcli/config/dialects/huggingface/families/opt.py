"""OPT (Zhang et al. 2022): learned positions from row 2 on, ReLU; the 350M has norms after the sums and projections."""

from gptcli.config.dialects.huggingface._family import Family, reads
from gptcli.config.dialects.huggingface._readings import activation, dropout
from gptcli.config.dialects.huggingface._settings import Settings


@reads("enable_bias", "layer_norm_elementwise_affine")
def biases(has: Settings) -> dict[str, object]:
    """All linear layers have biases or none; norms have weights and biases or neither."""
    linear, norms = has.flag("enable_bias"), has.flag("layer_norm_elementwise_affine")
    scale = {} if norms else {"norm_scale": "none"}
    return {"bias": linear, "qkv_bias": linear, "norm_bias": norms, **scale}


@reads("do_layer_norm_before", "_remove_final_layer_norm")
def norms(has: Settings) -> dict[str, object]:
    """Norms stand before the branches, or after the sums, where the last layer's is the final one."""
    before = has.flag("do_layer_norm_before")
    return {
        "norm_position": "pre" if before else "post",
        "final_norm": before and not has.flag("_remove_final_layer_norm"),
    }


@reads("word_embed_proj_dim", "hidden_size")
def projections(has: Settings) -> dict[str, object]:
    """A token table of another width is projected."""
    width = has.maybe_whole("word_embed_proj_dim")
    return {} if width in (None, has.value("hidden_size")) else {"embedding_width": width}


FAMILY = Family(
    keys={
        "vocab_size": "vocab_size",
        "max_position_embeddings": "context_length",
        "hidden_size": "emb_dim",
        "ffn_dim": "hidden_dim",
        "num_attention_heads": "n_heads",
        "num_hidden_layers": "n_layers",
        "tie_word_embeddings": "weight_tying",
    },
    readings=(
        activation("activation_function"),
        dropout("dropout", attention="attention_dropout"),
        biases,
        norms,
        projections,
    ),
    implied={"position_offset": 2, "norm_eps": 1e-5, "init": "gpt2", "family": "opt"},
    run_only=frozenset({"layerdrop"}),
)
