"""The ways in which people count the parameters of one model."""

from itertools import product
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from gptcli.architecture import Network, Shape, Sizes, elements, size
from gptcli.architecture.axes import ONE, C, L, S
from gptcli.architecture.listing import parts_of
from gptcli.architecture.parts.part import Part
from gptcli.architecture.roles import FINAL_NORM, HEAD, POSITION_TABLE, TOKEN_TABLE
from gptcli.config import ModelConfig
from gptcli.reports.params import ConventionRow

Parts = Literal["all", "no positions", "no vocabulary", "no tables", "body", "matrices"]
Masks = Literal["none", "mask", "mask and scalar"]
Biases = Literal["qkv", "no qkv", "none"]
Ahead = Literal["left out", "unique", "stored"]

PADDED_TO = 64  # nanoGPT's train.py: 50257 entries become 50304

_PARTS: dict[Parts, str] = {
    "all": "",
    "no positions": "without position embeddings",
    "no vocabulary": "without token embedding or output head",
    "no tables": "without embedding tables, with an untied head",
    "body": "without any embedding or output head",
    "matrices": "the blocks' matrices alone, 12LC^2",
}
_WITH_VOCABULARY: frozenset[Parts] = frozenset({"all", "no positions", "no tables"})
_MASKS: dict[Masks, str] = {
    "none": "",
    "mask": "stored causal masks counted",
    "mask and scalar": "stored causal masks and masked_bias counted",
}
_BIASES: dict[Biases, str] = {"qkv": "with QKV bias", "no qkv": "without QKV bias", "none": "bias-free"}
_NORMS_AHEAD = 3  # of the next token's embedding, of what the layer before gave, and before the head
_AHEAD: dict[Ahead, str] = {
    "left out": "",
    "unique": "with {} for multi-token prediction",
    "stored": "with {} for multi-token prediction, copies of embedding and head, and buffers",
}
# Buffers, not parameters, that old checkpoints hold in every block: the mask is S x S, masked_bias one number.
_BUFFERS: dict[Masks, tuple[Shape, ...]] = {"none": (), "mask": ((S, S),), "mask and scalar": ((S, S), (ONE,))}


class Convention(Struct, frozen=True, kw_only=True):
    """A way to count; None is what the config says.

    Attributes:
        parts: which weights count.
        tied: whether the output head is the token embedding.
        padded: whether the vocabulary is rounded up to a multiple of 64.
        masks: which buffers are counted as if they were parameters.
        biases: which linear layers and norms have biases.
        active: whether of routed experts those alone count that a token visits.
        ahead: whether layers that predict further tokens count, and with them what files hold beside parameters.
    """

    parts: Parts = "all"
    tied: bool | None = None
    padded: bool = False
    masks: Masks = "none"
    biases: Biases | None = None
    active: bool = False
    ahead: Ahead = "left out"


BODY = Convention(parts="body")
MATRICES = Convention(parts="matrices")

_HUB_FILE = Convention(tied=True, biases="qkv", masks="mask")
# What the literature and the programs use, with who uses it; the first two are the total this program prints.
_IN_USE: tuple[tuple[Convention, str], ...] = (
    (Convention(tied=False), "every model whose output head has a weight of its own"),
    (Convention(tied=True), "torch's parameters(), where a shared weight comes once"),
    (Convention(tied=False, biases="no qkv"), "the lecture's network"),
    (Convention(tied=True, biases="no qkv"), "the lecture's count 'considering weight tying'"),
    (Convention(tied=True, biases="qkv"), "OpenAI's GPT-2 checkpoints and their names: 124M, 355M, 774M, 1558M"),
    (Convention(tied=True, biases="qkv", parts="no positions"), "nanoGPT's get_num_params(), printed at its start"),
    (Convention(parts="no tables"), "transformers' num_parameters(exclude_embeddings=True)"),
    (BODY, "scaling laws (Kaplan et al. 2020's N in full); Pythia's non-embedding parameters"),
    (MATRICES, "Kaplan et al. 2020, equation 2.1, and estimates on paper"),
    (Convention(tied=True, biases="qkv", padded=True), "nanoGPT trained from scratch: the vocabulary padded for GPUs"),
    (Convention(tied=True, biases="none", padded=True), "nanoGPT trained from scratch with bias=False"),
    (_HUB_FILE, "the 'model size' of a file on the Hugging Face Hub, which holds each block's mask"),
    (replace(_HUB_FILE, masks="mask and scalar"), "the state_dict of GPT-2 in older transformers"),
    (Convention(tied=True, biases="none"), "nanoGPT's bias=False; PaLM and Llama have no biases either"),
)
# What is in use for decoders after GPT-2.
_IN_USE_LATER: tuple[tuple[Convention, str], ...] = (
    (Convention(tied=False), "every model whose output head has a weight of its own"),
    (Convention(tied=True), "torch's parameters(), where a shared weight comes once"),
    (Convention(ahead="unique"), "the model with its MTP modules, whose embedding and head are the model's"),
    (
        Convention(ahead="stored"),
        "files on the Hub: 110.47B of GLM-4.5-Air, 684.49B of DeepSeek-V3, without scales of FP8",
    ),
    (Convention(active=True), "the active parameters of Mixtral 12.9B, Qwen3 30B-A3B, DeepSeek-V3 37B"),
    (Convention(active=True, parts="no tables"), "the active parameters of gpt-oss, 3.61B of the 20B"),
    (Convention(active=True, parts="body"), "active parameters without embeddings, as in scaling laws of experts"),
    (Convention(parts="no tables"), "transformers' num_parameters(exclude_embeddings=True)"),
    (BODY, "non-embedding parameters in tables of Pythia, Qwen and Gemma"),
    (MATRICES, "Kaplan et al. 2020, equation 2.1, and estimates on paper"),
)


def is_gpt2_like(config: ModelConfig) -> bool:
    """Return whether a config is of GPT-2's architecture, whose conventions count masks, biases and padding."""
    like = (
        config.norm,
        config.n_kv_groups,
        config.head_dim,
        config.hidden_dim,
        config.layer_pattern,
        config.num_experts,
    )
    return config.positions == "learned" and like == ("layer_norm", None, None, None, "F", 0) and not config.gated


def _in_use(config: ModelConfig) -> tuple[tuple[Convention, str], ...]:
    return _IN_USE if is_gpt2_like(config) else _IN_USE_LATER


def conventions_in_use(config: ModelConfig) -> dict[Convention, str]:
    """Return every convention in use, as it is for a model, with who uses it.

    Two that are one for this model, as it has no biases to leave out or nothing to pad, are one entry.
    """
    found: dict[Convention, str] = {}
    for listed, used_by in _in_use(config):
        convention = _normal(config, listed)
        if listed.active and not convention.active:  # all parameters are active without routed experts
            continue
        if listed.ahead != convention.ahead:  # there are no further layers
            continue
        found[convention] = f"{found[convention]}; {used_by}" if convention in found else used_by
    return found


def convention_rows(network: Network) -> list[ConventionRow]:
    """Return every convention in use with what it gives for a model."""
    return [
        ConventionRow(", ".join(names(network.config, convention)), count_by(network, convention), used_by)
        for convention, used_by in conventions_in_use(network.config).items()
    ]


def own_convention(config: ModelConfig) -> Convention:
    """Return the convention that counts what a config says."""
    return _normal(config, Convention())


def combinations(config: ModelConfig) -> list[Convention]:
    """Return every sensible combination once; two that cannot differ for this model are one."""
    like = is_gpt2_like(config)
    masks_or_none: tuple[Masks, ...] = tuple(_MASKS) if like else ("none",)
    biases_or_own: tuple[Biases | None, ...] = tuple(_BIASES) if like else (None,)
    ahead_or_not: tuple[Ahead, ...] = ("left out", "unique", "stored") if config.mtp_layers else ("left out",)
    all_parts = product(_PARTS, (False, True), (False, True), masks_or_none, biases_or_own, (False, True), ahead_or_not)
    free = (
        Convention(parts=parts, tied=tied, padded=padded, masks=masks, biases=biases, active=active, ahead=ahead)
        for parts, tied, padded, masks, biases, active, ahead in all_parts
        if masks == "none" or parts == "all"  # buffers are counted in files, and files hold everything
    )
    return list(dict.fromkeys(_normal(config, convention) for convention in free))


def count_by(network: Network, convention: Convention) -> int:
    """Count the parameters of a model by a convention, from the description of the model it supposes."""
    chosen = _normal(network.config, convention)
    supposed = network.of(supposed_config(network.config, chosen.biases, padded=chosen.padded))
    sizes = supposed.sizes
    buffers = sum(elements(shape, sizes) for shape in _BUFFERS[chosen.masks])
    return _counted(supposed, chosen, sizes) + size(L, sizes) * buffers + _ahead(supposed, chosen)


def _ahead(network: Network, convention: Convention) -> int:
    """Count the layers that predict further tokens, and what else files with them hold.

    Each is a layer with experts, two norms, a matrix from 2C to C and a norm before the head. Embedding and head are
    the model's. Files hold a copy of them for each, and the routers' corrections (DeepSeek-AI 2024, section 2.2, and
    README_WEIGHTS.md of DeepSeek-V3; transformers' `MtpLayer`).
    """
    if convention.ahead == "left out":
        return 0
    one = network.of(replace(network.config, n_layers=1, expert_pattern="E"))
    sizes, more = one.sizes, elements((2 * C, C), one.sizes)
    for found, part in parts_of(one):
        times = _NORMS_AHEAD if part.role == FINAL_NORM else 0 if found.kind is None else found.amount
        shapes = (part.visited(shape) if convention.active else shape for shape in part.weights().values())
        more += times * sum(elements(shape, found.sizes(sizes)) for shape in shapes)
    stored = convention.ahead == "stored"
    if stored:
        more += _buffers(one) + sum(
            elements(one.part_of(role).weights()["weight"], sizes) for role in (TOKEN_TABLE, HEAD)
        )
    return network.config.mtp_layers * more + (_buffers(network) if stored else 0)


def _buffers(network: Network) -> int:
    return sum(
        found.amount * elements(shape, found.sizes(network.sizes))
        for found, part in parts_of(network)
        for shape in part.buffers().values()
    )


def supposed_config(config: ModelConfig, biases: Biases | None, *, padded: bool) -> ModelConfig:
    """Return the config with other biases (None: with its own), and with its vocabulary padded or not."""
    own = _own_biases(config)
    changed = {} if biases in (None, own) else {"qkv_bias": biases == "qkv", "bias": biases in ("qkv", "no qkv")}
    return replace(config, vocab_size=_padded(config.vocab_size) if padded else config.vocab_size, **changed)


def names(config: ModelConfig, convention: Convention) -> list[str]:
    """Say a convention in words: the tying where it matters, then what differs from the config."""
    chosen = _normal(config, convention)
    words = [
        "active per token" if chosen.active else "",
        _AHEAD[chosen.ahead].format(_layers(config.mtp_layers)),
        "the blocks' matrices alone"
        if chosen.parts == "matrices" and not is_gpt2_like(config)
        else _PARTS[chosen.parts],
        _tying(chosen),
        f"vocabulary padded to {_padded(config.vocab_size)}" if chosen.padded else "",
        _MASKS[chosen.masks],
        _BIASES[chosen.biases] if chosen.biases not in (None, _own_biases(config)) else "",
    ]
    return [word for word in words if word]


def supposed_words(config: ModelConfig, biases: Biases, *, padded: bool) -> list[str]:
    """Say in words how `supposed_config` differs from a config."""
    supposed = Convention(tied=None, biases=biases, padded=padded)
    return [word for word in names(config, supposed) if word not in ("tied", "untied")]


def deviations(config: ModelConfig, convention: Convention) -> int:
    """Return how far a convention is from the config's own count: the number of things to be said about it."""
    changed_tying = convention.tied is not None and convention.tied != config.weight_tying
    changed = (
        convention.parts != "all",
        changed_tying,
        convention.padded,
        convention.masks != "none",
        convention.biases not in (None, _own_biases(config)),
        convention.active,
        convention.ahead != "left out",
    )
    return sum(changed)


def _layers(number: int) -> str:
    return f"{number} layer{'s' if number > 1 else ''}"


def _tying(convention: Convention) -> str:
    if convention.tied is None or convention.parts == "no tables":  # whose words say it already
        return ""
    return "tied" if convention.tied else "untied"


def _counted(network: Network, convention: Convention, sizes: Sizes) -> int:
    """Sum up the weights that count."""
    total = 0
    for found, part in parts_of(network):
        if not _counts(part, convention.parts):
            continue
        own = found.sizes(sizes)
        for name, shape in part.weights().items():
            tied = bool(convention.tied) and name == "weight" if part.role == HEAD else bool(part.shared(name))
            vector_left_out = convention.parts == "matrices" and (found.kind is None or _is_vector(name, shape))
            if not tied and not vector_left_out:
                total += found.amount * elements(part.visited(shape) if convention.active else shape, own)
    return total


def _is_vector(name: str, shape: Shape) -> bool:
    return len(shape) == 1 or name.endswith("bias")


def _counts(part: Part, parts: Parts) -> bool:
    """Return whether a part's weights count."""
    if part.role == TOKEN_TABLE:
        return parts in ("all", "no positions")
    if part.role == POSITION_TABLE:
        return parts in ("all", "no vocabulary")
    return part.role != HEAD or parts in _WITH_VOCABULARY


def _normal(config: ModelConfig, convention: Convention) -> Convention:
    """Return the convention with the config's own settings filled in, and those that cannot matter cleared."""
    tied = config.weight_tying if convention.tied is None else convention.tied
    biases = convention.biases or _own_biases(config)
    parts = "body" if convention.parts == "no tables" and tied else convention.parts
    has_vocabulary = parts in _WITH_VOCABULARY
    return Convention(
        parts=parts,
        tied=tied if has_vocabulary else None,
        padded=convention.padded and has_vocabulary and _padded(config.vocab_size) != config.vocab_size,
        masks=convention.masks,
        biases=None if parts == "matrices" else biases,
        active=convention.active and config.num_experts > config.num_experts_per_tok,
        ahead=convention.ahead if config.mtp_layers and parts == "all" else "left out",
    )


def _own_biases(config: ModelConfig) -> Biases:
    if not config.bias:
        return "none"
    return "qkv" if config.qkv_bias else "no qkv"


def _padded(entries: int) -> int:
    return -(-entries // PADDED_TO) * PADDED_TO
