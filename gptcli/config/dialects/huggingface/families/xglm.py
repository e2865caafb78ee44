"""XGLM (Lin et al. 2021): sinusoidal positions from row 2 on, a scaled embedding."""

from gptcli.config.dialects.huggingface._family import Family, reads
from gptcli.config.dialects.huggingface._readings import activation, dropout
from gptcli.config.dialects.huggingface._settings import Settings


@reads("scale_embedding", "d_model")
def scale(has: Settings) -> dict[str, object]:
    """The embedding is multiplied with the root of its width."""
    scaled = has.flag("scale_embedding") and has.whole("d_model") > 0
    return {"embedding_scale": has.whole("d_model") ** 0.5} if scaled else {}


FAMILY = Family(
    keys={
        "vocab_size": "vocab_size",
        "max_position_embeddings": "context_length",
        "d_model": "emb_dim",
        "ffn_dim": "hidden_dim",
        "attention_heads": "n_heads",
        "num_layers": "n_layers",
        "tie_word_embeddings": "weight_tying",
    },
    readings=(
        scale,
        activation("activation_function"),
        dropout("dropout", embedding="dropout", attention="attention_dropout"),
    ),
    implied={
        "positions": "sinusoidal",
        "position_offset": 2,
        "bias": True,
        "qkv_bias": True,
        "norm_eps": 1e-5,
        "init": "gpt2",
    },
    run_only=frozenset({"layerdrop", "activation_dropout"}),
    instead={"add_cross_attention": "but gptcli's networks have no encoder to attend to; write false"},
)
