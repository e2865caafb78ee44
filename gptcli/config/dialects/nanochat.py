"""The keys of nanochat's ``GPTConfig`` (Karpathy 2025), which its checkpoints keep beside the weights."""

from gptcli.config.dialects._dialect import Dialect, DialectKey, Entries
from gptcli.config.entries import Entry

# torch.finfo(torch.float32).eps, which F.rms_norm adds where it is given none.
_EPS = 1.1920928955078125e-07


def _windows(_: Entry, __: Entries) -> str:
    return (
        "which newer versions of nanochat have together with value embeddings, and gptcli has no part for those; "
        "take a config of a version without window_pattern"
    )


DIALECT = Dialect(
    name="nanochat",
    defaults="nanochat's GPTConfig",
    marker="sequence_len: 1024",
    keys={
        "sequence_len": DialectKey(("context_length",), default=1024),
        "vocab_size": DialectKey(("vocab_size",), default=50304),
        "n_layer": DialectKey(("n_layers",), default=12),
        "n_head": DialectKey(("n_heads",), default=6),
        "n_kv_head": DialectKey(("n_kv_groups",), default=6),
        "n_embd": DialectKey(("emb_dim",), default=768),
        "window_pattern": DialectKey(read=_windows),
    },
    implied={
        "positions": "rotary",
        "rope_reversed": True,
        "norm": "rms_norm",
        "norm_scale": "none",
        "norm_eps": _EPS,
        "embedding_norm": True,
        "qk_norm": "unscaled",
        "qk_norm_after_rope": True,
        "bias": False,
        "activation": "relu2",
        "logit_softcap": 15.0,
    },
)
