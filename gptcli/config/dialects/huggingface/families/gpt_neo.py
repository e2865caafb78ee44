"""GPT-Neo (Black et al. 2021): every other layer looks back over a window, scores are not scaled."""

from gptcli.config.dialects.huggingface._family import Family, reads
from gptcli.config.dialects.huggingface._readings import activation, dropout
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.pattern import shortened

_MOST = 100_000
_LETTERS = {"global": "F", "local": "L"}


@reads("attention_types", "attention_layers", "window_size", "num_layers")
def layers(has: Settings) -> dict[str, object]:
    """``[[["global", "local"], 12]]`` is twelve times both; ``attention_layers`` is the same, written out."""
    depth = has.whole("num_layers")
    if depth > _MOST:
        raise has.refused("num_layers", f"but single layers are told apart up to {_MOST:,}")
    kinds = has.listed("attention_layers") if has.gives("attention_layers") else None
    key = "attention_types" if kinds is None else "attention_layers"
    if kinds is None:
        kinds = _expanded(has, depth)
    if kinds is None:
        return {"layer_pattern": "FL", "sliding_window": has.entry("window_size")}
    if len(kinds) != depth or not all(kind in _LETTERS for kind in kinds if isinstance(kind, str)):
        raise has.refused(key, f"but it does not give 'global' or 'local' for each of {depth} layers")
    pattern = shortened("".join(_LETTERS[str(kind)] for kind in kinds))
    return {"layer_pattern": pattern, **({"sliding_window": has.entry("window_size")} if "L" in pattern else {})}


def _expanded(has: Settings, depth: int) -> list[object] | None:
    """Return the layers' kinds, or None where each other layer is local."""
    found: list[object] = []
    for each in has.listed("attention_types") or []:
        if not (isinstance(each, list) and len(each) == 2 and isinstance(each[0], list) and isinstance(each[1], int)):
            raise has.refused("attention_types", 'but it is written as [[["global", "local"], 12]]')
        if len(found) + len(each[0]) * each[1] > depth:
            raise has.refused("attention_types", f"but it has more than {depth} layers; make num_layers fit it")
        found += each[0] * each[1]
    return found or None


FAMILY = Family(
    keys={
        "vocab_size": "vocab_size",
        "max_position_embeddings": "context_length",
        "hidden_size": "emb_dim",
        "intermediate_size": "hidden_dim",
        "num_heads": "n_heads",
        "num_layers": "n_layers",
        "layer_norm_epsilon": "norm_eps",
        "tie_word_embeddings": "weight_tying",
    },
    readings=(
        layers,
        activation("activation_function"),
        dropout("resid_dropout", embedding="embed_dropout", attention="attention_dropout"),
    ),
    implied={"bias": True, "qkv_bias": False, "attention_scale": 1.0, "init": "gpt2", "family": "gpt_neo"},
)
