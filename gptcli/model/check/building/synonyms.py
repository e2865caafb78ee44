"""What people call the sizes of a network, and the value that a config of ours has for such a name."""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from gptcli.config import ModelConfig

# By key of ours: every other spelling, in lower case and without underscores.
_NAMES: dict[str, tuple[str, ...]] = {
    "vocab_size": (
        *("vocabsize", "nvocab", "numvocab", "vocab", "vocabularysize", "vocabsz", "nvocabulary", "paddedvocabsize"),
        *("ntoken", "ntokens", "numtokens", "numtoken", "numembeddings", "vocabdim", "dvocab", "vocablen", "v"),
    ),
    "context_length": (
        *(
            "contextlength",
            "contextsize",
            "contextlen",
            "context",
            "contextwindow",
            "blocksize",
            "nctx",
            "ctx",
            "ctxlen",
        ),
        *("maxlen", "maxlength", "maxseqlen", "maxseqlength", "maxsequencelength", "maxcontextlength", "maxcontext"),
        *("seqlen", "seqlength", "sequencelength", "sequencelen", "npositions", "numpositions", "npos", "maxposition"),
        *("maxpositions", "maxpositionembeddings", "maxpos", "maxtokens", "windowsize", "window", "numctx", "ctxsize"),
        *("maxcontextlen", "maxctx", "chunksize", "blocklen", "maxblocksize", "lseq", "t"),
    ),
    "emb_dim": (
        *("embdim", "embsize", "embeddim", "embedsize", "embeddingdim", "embeddingsize", "embeddingdimension", "nembd"),
        *("nembed", "nemb", "dmodel", "dimmodel", "modeldim", "modelsize", "modelwidth", "hiddensize", "dim", "width"),
        *(
            "dembed",
            "demb",
            "dembd",
            "embd",
            "embed",
            "embdsize",
            "channels",
            "nchannels",
            "ndim",
            "dimension",
            "c",
            "d",
        ),
    ),
    "n_heads": (
        *("nheads", "nhead", "numheads", "numhead", "heads", "numattentionheads", "nattentionheads", "attentionheads"),
        *("nattnheads", "numattnheads", "attnheads", "headcount", "headscount", "h"),
    ),
    "n_layers": (
        *("nlayers", "nlayer", "numlayers", "numlayer", "layers", "depth", "nblocks", "nblock", "numblocks", "blocks"),
        *("numhiddenlayers", "nhiddenlayers", "numtransformerblocks", "numtransformerlayers", "ntransformerblocks"),
        *("ntransformerlayers", "numdecoderlayers", "ndecoderlayers", "numdecoderblocks", "layercount", "l", "n"),
    ),
    "hidden_dim": (
        *("dff", "ffdim", "ffndim", "ffhidden", "ffhiddendim", "ffnhiddendim", "ffnhiddensize", "dimfeedforward"),
        *("feedforwarddim", "feedforwardsize", "feedforward", "ninner", "innerdim", "dinner", "intermediatesize"),
        *("intermediatedim", "mlpdim", "dmlp", "mlphidden", "mlphiddendim", "ffsize", "ffnsize", "ffwidth", "hiddenff"),
    ),
    "head_dim": ("headdim", "headsize", "dhead", "dimhead", "dimperhead", "headwidth", "dkey", "dvalue", "dk", "dv"),
    "n_kv_groups": ("nkvheads", "nkvhead", "numkvheads", "kvheads", "nkvgroups", "numkeyvalueheads", "nquerygroups"),
    "drop_rate": ("p",),
    "qkv_bias": ("qkvbias", "attnbias", "attentionbias", "biasqkv"),
    "bias": ("bias", "usebias", "linearbias"),
    "norm_eps": ("eps", "epsilon", "normeps", "lneps", "layernormeps", "layernormepsilon", "rmsnormeps"),
    "weight_tying": ("weighttying", "tieweights", "tiedweights", "tiewordembeddings", "tieembeddings", "shareweights"),
}
_RATIO = frozenset(
    (
        *(
            "mlpratio",
            "mlpmult",
            "ffmult",
            "ffnmult",
            "ffratio",
            "ffnratio",
            "expansion",
            "expansionfactor",
            "ffnfactor",
        ),
        *("forwardexpansion", "fffactor", "mlpexpansion", "mlpfactor", "wideningfactor", "hiddenmult"),
    )
)
_KEY_OF = {name: key for key, names in _NAMES.items() for name in names}
# The width of the network where nothing else names it, else that of the feed forward.
_EITHER = frozenset({"hiddendim", "hidden", "nhidden", "dhidden", "hiddenwidth"})
_PLAIN: dict[str, object] = {"device": "cpu", "padidx": None, "paddingidx": None, "padtokenid": None}
_FACTOR = 4  # GPT-2's feed forward is that many times as wide
SIZES = frozenset({"vocab_size", "context_length", "emb_dim", "n_heads", "n_layers"})
UNKNOWN: Final = object()


class Wanted(Struct, frozen=True):
    """The values that their network is to be built with.

    Attributes:
        config: has one for each key.
        said: the keys that somebody has said; for the others their own defaults stand.
    """

    config: ModelConfig
    said: frozenset[str]


def key_of(name: str, others: Iterable[str] = ()) -> str | None:
    """Return the key of ours that somebody's name is for, or None.

    Args:
        name: a keyword, a field, or a key of a dictionary.
        others: the names beside it, which may say what an ambiguous one means.
    """
    plain = _plain(name)
    if plain in _EITHER:
        return "hidden_dim" if any(_KEY_OF.get(_plain(other)) == "emb_dim" for other in others) else "emb_dim"
    if plain in _RATIO:
        return "hidden_dim"
    if plain not in _KEY_OF and "drop" in plain:
        return "drop_rate"
    return _KEY_OF.get(plain)


def value_for(name: str, config: ModelConfig, others: Iterable[str] = ()) -> object:
    """Return what a config says for somebody's name, or `UNKNOWN`."""
    plain, key = _plain(name), key_of(name, others)
    if key is None:
        return _PLAIN.get(plain, UNKNOWN)
    if plain in _RATIO:
        return (config.hidden_dim or _FACTOR * config.emb_dim) // config.emb_dim
    value = getattr(config, key)
    if value is not None:
        return value
    derived = {
        "hidden_dim": _FACTOR * config.emb_dim,
        "head_dim": config.emb_dim // config.n_heads,
        "n_kv_groups": config.n_heads,
    }
    return derived.get(key, UNKNOWN)


def sizes_in(names: Iterable[str]) -> set[str]:
    """Return the sizes of ours, of the five that every network has, that somebody's names are for."""
    listed = list(names)
    return {key for key in (key_of(name, listed) for name in listed) if key is not None} & SIZES


def laid_over(own: Mapping[str, object], wanted: Wanted) -> dict[str, object]:
    """Lay what is said over a dictionary of theirs, under their own names."""
    found = dict(own)
    for name in own:
        key = key_of(name, own)
        if key in wanted.said:
            found[name] = value_for(name, wanted.config, own)
    return found


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
