"""The keys of nanoGPT's ``GPTConfig``, which its checkpoints hold as ``model_args``."""

from gptcli.config.dialects._dialect import Dialect, Key

# Which GELU it is the dictionary does not say: nanoGPT went from the tanh form to the exact one without a key for it.
# So our own default stands, and --set activation=gelu says otherwise.
DIALECT = Dialect(
    name="nanoGPT",
    defaults="nanoGPT's GPTConfig",
    marker="block_size: 1024",
    keys={
        "block_size": Key(("context_length",)),
        "vocab_size": Key(("vocab_size",), default=50304, null=True),
        "n_layer": Key(("n_layers",)),
        "n_head": Key(("n_heads",)),
        "n_embd": Key(("emb_dim",)),
        "dropout": Key(("drop_rate",), default=0.0),
        "bias": Key(("bias", "qkv_bias"), default=True),
    },
    implied={"weight_tying": True, "norm_eps": 1e-5, "init": "gpt2"},
)
