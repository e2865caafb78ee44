"""The keys of nanoGPT's ``GPTConfig``, which its checkpoints hold as ``model_args``."""

from gptcli.config.dialects._dialect import Dialect, DialectKey

# Which GELU it is the dictionary does not say: nanoGPT went from the tanh form to the exact one without a key for it.
# So our own default stands, and --set activation=gelu says otherwise.
DIALECT = Dialect(
    name="nanoGPT",
    defaults="nanoGPT's GPTConfig",
    marker="block_size: 1024",
    keys={
        "block_size": DialectKey(("context_length",)),
        "vocab_size": DialectKey(("vocab_size",), default=50304, null=True),
        "n_layer": DialectKey(("n_layers",)),
        "n_head": DialectKey(("n_heads",)),
        "n_embd": DialectKey(("emb_dim",)),
        "dropout": DialectKey(("drop_rate",), default=0.0),
        "bias": DialectKey(("bias", "qkv_bias"), default=True),
    },
    implied={"weight_tying": True, "norm_eps": 1e-5, "init": "gpt2"},
)
