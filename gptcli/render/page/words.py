"""What the page says about each kind of operation, and the family whose colour it has."""

from typing import NamedTuple

from gptcli.architecture.parts.part import part_kind


class Kind(NamedTuple):
    """A family of operations, which share a colour, and what an operation does, in a sentence."""

    family: str
    sentence: str


FAMILIES = {
    "embedding": "Embeddings",
    "norm": "Norms",
    "linear": "Linear layers",
    "attention": "Attention",
    "activation": "Feed forward",
    "experts": "Experts",
    "add": "Sums and shortcuts",
    "dropout": "Dropout",
}

_GROUPS = {
    "block": Kind(
        "block",
        "Attention, then feed forward, each after a norm and with a shortcut around it: the input is kept, and the "
        "result is added to it.",
    ),
    "attention": Kind(
        "attention", "Lets every token gather what it needs from the tokens before it; only here do tokens mix."
    ),
    "latent_attention": Kind(
        "attention",
        "Lets every token gather what it needs from the tokens before it; keys and values of all heads are made of one "
        "short vector, the latent, which is all that a cache keeps.",
    ),
    "mixture_of_experts": Kind(
        "experts",
        "Many feed forwards, of which a router chooses a few for each token; what they give is added up by their "
        "shares.",
    ),
    "feed_forward": Kind(
        "activation",
        "Widens each token's vector, applies the activation function, and narrows it again; each token alone.",
    ),
}


def kind_of(operation: str) -> Kind:
    """Return the words and the colour of a kind of part or group.

    Raises:
        NotImplementedError: no words for this kind.
    """
    if operation in _GROUPS:
        return _GROUPS[operation]
    part = part_kind(operation)
    return Kind(part.family, part.sentence)
