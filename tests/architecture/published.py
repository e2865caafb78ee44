"""Models that others have published quantised, as lists of their weights."""

from gptcli.architecture.quantizable import Facts, Purpose, Quantizable


def decoder(
    *,
    layers: int,
    width: int,
    hidden: int,
    heads: int,
    keys: int,
    vocabulary: int,
    experts: int = 0,
    tied: bool = False,
) -> tuple[list[Quantizable], Facts]:
    """Return the weights of a decoder with grouped heads, a gated feed forward and no biases."""
    each, numbers = width // heads, (range(layers),)
    router: list[tuple[Purpose, int, int, int]] = [("router", 1, experts, width)] if experts else []
    matrices: list[tuple[Purpose, int, int, int]] = [
        ("query", 1, width, width),
        ("key", 1, keys * each, width),
        ("value", 1, keys * each, width),
        ("attention output", 1, width, width),
        ("gate", experts or 1, hidden, width),
        ("up", experts or 1, hidden, width),
        ("down", experts or 1, width, hidden),
        *router,
        ("vector", 1, 1, width),
        ("vector", 1, 1, width),
    ]
    weights = [
        Quantizable("embedding", "token table", 1, vocabulary, width),
        *(Quantizable(purpose, purpose, n, rows, columns, numbers) for purpose, n, rows, columns in matrices),
        Quantizable("norm", "vector", 1, 1, width),
        *([] if tied else [Quantizable("output", "head", 1, vocabulary, width)]),
    ]
    return weights, Facts(layers=layers, tied=tied, grouping=heads // keys, experts=experts)


LLAMA_2_7B = decoder(layers=32, width=4096, hidden=11008, heads=32, keys=32, vocabulary=32000)
LLAMA_31_8B = decoder(layers=32, width=4096, hidden=14336, heads=32, keys=8, vocabulary=128256)
LLAMA_31_70B = decoder(layers=80, width=8192, hidden=28672, heads=64, keys=8, vocabulary=128256)
MIXTRAL = decoder(layers=32, width=4096, hidden=14336, heads=32, keys=8, vocabulary=32000, experts=8)
