"""Readings that families share."""

from collections.abc import Mapping

from gptcli.config.dialects.huggingface._family import Reading, reads
from gptcli.config.dialects.huggingface._settings import Settings

# transformers' names of activations; gelu_fast is the tanh form with its constant written out.
ACTIVATIONS = {
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_python_tanh": "gelu_tanh",
    "gelu_accurate": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu": "gelu",
    "gelu_python": "gelu",
    "silu": "silu",
    "swish": "silu",
    "relu": "relu",
    "relu2": "relu2",
    "quick_gelu": "quick_gelu",
    "xielu": "xielu",
}


def activation(key: str, meanings: Mapping[str, str] = ACTIVATIONS) -> Reading:
    """Read the name of an activation."""

    def read(has: Settings) -> dict[str, object]:
        word = has.value(key)
        if not isinstance(word, str) or word not in meanings:
            raise has.refused(key, f"but gptcli does not have it; it can be {', '.join(meanings)}")
        return {"activation": meanings[word]}

    return Reading((key,), read)


def heads(heads_key: str = "num_attention_heads", groups_key: str = "num_key_value_heads") -> Reading:
    """Read the heads, and those of keys and values; null for as many."""

    def read(has: Settings) -> dict[str, object]:
        groups = has.maybe_whole(groups_key)
        return {} if groups in (None, has.value(heads_key)) else {"n_kv_groups": has.entry(groups_key)}

    return Reading((groups_key, heads_key), read)


def dropout(stream: str | None = None, *, embedding: str | None = None, attention: str | None = None) -> Reading:
    """Read the rates of dropout; a place without a key has none.

    Args:
        stream: the key for what a branch adds to the residual stream.
        embedding: for the embedding.
        attention: for attention's shares.
    """

    def read(has: Settings) -> dict[str, object]:
        rate = 0.0 if stream is None else has.value(stream)
        found: dict[str, object] = {"drop_rate": 0.0 if stream is None else has.entry(stream)}
        for ours, key in (("embedding_drop_rate", embedding), ("attention_drop_rate", attention)):
            if (0.0 if key is None else has.value(key)) != rate:
                found[ours] = 0.0 if key is None else has.entry(key)
        return found

    return Reading(tuple(key for key in (stream, embedding, attention) if key is not None), read)


@reads("n_ctx", "n_positions")
def older_length(has: Settings) -> dict[str, object]:
    """Note a length that today's transformers does not read."""
    if has.gives("n_ctx") and has.value("n_ctx") != has.value("n_positions"):
        has.notes.append(f"n_ctx {has.entry('n_ctx').text} is not used: transformers reads n_positions alone")
    return {}


def biases(qkv: str = "", out: str = "", feed_forward: str = "") -> Reading:
    """Read which linear layers have biases; those without a key have none. Norms are the family's own matter."""

    def read(has: Settings) -> dict[str, object]:
        keys = {"qkv_bias": qkv, "out_bias": out, "mlp_bias": feed_forward}
        return {ours: True for ours, key in keys.items() if key and has.flag(key)}

    return Reading(tuple(dict.fromkeys(key for key in (qkv, out, feed_forward) if key)), read)


@reads("head_dim", "hidden_size", "num_attention_heads")
def head_width(has: Settings) -> dict[str, object]:
    """Read the width of a head; null for a share of the embedding's, of which some classes leave a rest."""
    if has.maybe_whole("head_dim") is not None:
        return {"head_dim": has.entry("head_dim")}
    width, heads = has.whole("hidden_size"), max(has.whole("num_attention_heads"), 1)
    return {"head_dim": width // heads} if width % heads and width > heads and not has.splits_evenly else {}


@reads("head_dim", "hidden_size", "num_attention_heads")
def filled_width(has: Settings) -> dict[str, object]:
    """Read the width of a head where heads must fill the embedding's: code reads both as one."""
    own, width, heads = has.maybe_whole("head_dim"), has.whole("hidden_size"), has.whole("num_attention_heads")
    if own is not None and own * heads != width:
        raise has.refused("head_dim", f"but {heads} heads of it do not fill hidden_size {width}, as they must here")
    return {} if own is None else {"head_dim": own}


def softcaps(attention: str = "attn_logit_softcapping", logits: str = "final_logit_softcapping") -> Reading:
    """Read the caps; null for none."""

    def read(has: Settings) -> dict[str, object]:
        found = {"attention_softcap": attention, "logit_softcap": logits}
        return {ours: has.maybe_number(key) or 0.0 for ours, key in found.items() if key}

    return Reading(tuple(key for key in (attention, logits) if key), read)


@reads("num_nextn_predict_layers")
def further_layers(has: Settings) -> dict[str, object]:
    """Note the layers that predict further tokens: transformers leaves them out of its model."""
    layers = has.maybe_whole("num_nextn_predict_layers")
    if layers and has.gives("num_nextn_predict_layers"):
        has.notes.append(
            f"num_nextn_predict_layers {layers}: layers that predict further tokens are left out, as in transformers; "
            "'gptcli params --conventions' counts them"
        )
    return {"mtp_layers": layers or 0}
