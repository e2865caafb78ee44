"""What the page says about each kind of operation, and the family whose colour it has."""

from typing import NamedTuple


class Kind(NamedTuple):
    """A family of operations, which share a colour, and what an operation does, in a sentence."""

    family: str
    sentence: str


FAMILIES = {
    "embedding": "Embeddings",
    "norm": "Layer norms",
    "linear": "Linear layers",
    "attention": "Attention",
    "activation": "Feed forward",
    "add": "Sums and shortcuts",
    "dropout": "Dropout",
}

_KINDS = {
    "embedding": Kind("embedding", "Looks up one row of a table for every token, or for every position."),
    "add": Kind(
        "add",
        "Adds two tensors number by number. A shortcut carries its input past what was computed, so that a block only "
        "has to learn what to change.",
    ),
    "dropout": Kind(
        "dropout", "Zeroes a random part of the numbers in training, so that no single one is relied upon; else idle."
    ),
    "layer_norm": Kind(
        "norm", "Brings each token's vector to mean 0 and deviation 1, then scales and shifts it by learned numbers."
    ),
    "rms_norm": Kind("norm", "Brings each token's vector to mean square 1, then scales it by learned numbers."),
    "linear": Kind(
        "linear", "A matrix product: each number that comes out is a weighted sum of all that one token brings in."
    ),
    "split_heads": Kind(
        "attention",
        "Cuts each token's query, key and value into pieces, one for each head. Nothing is computed; the numbers are "
        "only read in another order.",
    ),
    "attention_scores": Kind(
        "attention", "Compares each query with each key: the larger the product, the more the one looks at the other."
    ),
    "causal_mask": Kind(
        "attention", "Hides the future: a score for a token that comes later is set to minus infinity."
    ),
    "softmax": Kind("attention", "Turns each row of scores into shares that are positive and add up to 1."),
    "weighted_sum": Kind(
        "attention", "Mixes the values by those shares, then puts the heads side by side to one vector again."
    ),
    "scaled_dot_product_attention": Kind(
        "attention",
        "Scores, mask, softmax and weighted sum in one fused call, which never writes the T x T shares down.",
    ),
    "gelu": Kind("activation", "Lets large numbers pass and fades small and negative ones out, smoothly."),
    "block": Kind(
        "block",
        "Attention, then feed forward, each after a layer norm and beside a shortcut: what comes in is kept, and what "
        "was found is added to it.",
    ),
    "attention": Kind(
        "attention", "Lets every token gather from those before it what it needs; the only place where they mix."
    ),
    "feed_forward": Kind(
        "activation", "Widens each token's vector four times, bends it, and narrows it again; each token alone."
    ),
}


def kind_of(operation: str) -> Kind:
    """Return the words and the colour of a kind of operation.

    Raises:
        NotImplementedError: no words for this kind.
    """
    if operation not in _KINDS:
        raise NotImplementedError(operation)
    return _KINDS[operation]
