"""``config.json`` as Hugging Face's transformers writes it: a family is a file in `families`, found by its name."""

from gptcli.config.dialects._dialect import Dialect, DialectKey
from gptcli.config.dialects.huggingface._passed_over import PASSED_OVER
from gptcli.config.dialects.huggingface._translate import translate
from gptcli.config.dialects.huggingface._write import settings

# What tells a file without a model_type from one in another dialect: the keys of GPT-2.
DIALECT = Dialect(
    name="Hugging Face",
    defaults="Hugging Face's GPT2Config",
    marker="model_type: gpt2",
    keys={
        "model_type": DialectKey(decisive=True),
        "architectures": DialectKey(decisive=True),
        "text_config": DialectKey(decisive=True),
        "_name_or_path": DialectKey(("name",)),
        "vocab_size": DialectKey(("vocab_size",)),
        "n_positions": DialectKey(("context_length",), aliases=("n_ctx", "max_position_embeddings")),
        "n_embd": DialectKey(("emb_dim",), aliases=("hidden_size",)),
        "n_head": DialectKey(("n_heads",), aliases=("num_attention_heads",)),
        "n_layer": DialectKey(("n_layers",), aliases=("num_hidden_layers",)),
        "n_inner": DialectKey(("hidden_dim",)),
        "activation_function": DialectKey(("activation",)),
        "embd_pdrop": DialectKey(("embedding_drop_rate",)),
        "attn_pdrop": DialectKey(("attention_drop_rate",)),
        "resid_pdrop": DialectKey(("drop_rate",)),
        "layer_norm_epsilon": DialectKey(("norm_eps",)),
        "tie_word_embeddings": DialectKey(("weight_tying",)),
        "scale_attn_weights": DialectKey(),
        "scale_attn_by_inverse_layer_idx": DialectKey(),
        "add_cross_attention": DialectKey(),
        "quantization_config": DialectKey(),
        "auto_map": DialectKey(),
    },
    passed_over=PASSED_OVER,
    translate=translate,
    settings=settings,
)
