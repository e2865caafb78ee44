"""What is timed inside one process, turn by turn: ``python -m benchmarks.inside CASE RUNS [ARGUMENTS]`` prints JSON.

A process of its own keeps torch out of the one that measures processes, whose memory they would inherit.
"""

import json
import sys
from collections.abc import Callable, Iterator
from time import perf_counter

import torch

from benchmarks.decode import peer_of, runs_of
from benchmarks.products import multiply_all
from gptcli.architecture.operations import Linear as LinearOperation
from gptcli.config import load_config
from gptcli.model.forward import BuildOptions, build
from gptcli.model.gpt import GPT, Linear

Once = Callable[[], float]
PROMPT, NEW = 64, 64


def alternate(ours: Once, theirs: Once, runs: int) -> dict[str, list[float]]:
    """Run both once for nothing, then in turns; return the seconds of each."""
    ours()
    theirs()
    pairs = [(ours(), theirs()) for _ in range(runs)]
    return {"ours": [a for a, _ in pairs], "theirs": [b for _, b in pairs]}


def timed(call: Callable[[], object]) -> Once:
    """Return what times one call."""

    def once() -> float:
        with torch.inference_mode():
            started = perf_counter()
            call()
            return perf_counter() - started

    return once


def model_and_ids(batch: int, tokens: int) -> tuple[GPT, torch.Tensor]:
    """Build 124M with QKV bias, as transformers has it, and draw ids (B, T)."""
    config = load_config("gpt2-124m", set_values=["qkv_bias=true"], environ={}).config
    ids = torch.randint(config.vocab_size, (batch, tokens), generator=torch.Generator().manual_seed(1))
    return build(config, BuildOptions()), ids


def warm_transformers(batch: int, tokens: int) -> tuple[Once, Once]:
    """A pass against transformers' with the same weights."""
    model, ids = model_and_ids(batch, tokens)
    peer = peer_of(model)
    with torch.inference_mode():
        torch.testing.assert_close(model(ids), peer(ids).logits, atol=1e-2, rtol=1e-3)
    return timed(lambda: model(ids)), timed(lambda: peer(ids, use_cache=False).logits)


def warm_products(batch: int, tokens: int) -> tuple[Once, Once]:
    """A pass against its matrix products: every linear layer's, and attention's with every key."""
    model, ids = model_and_ids(batch, tokens)
    matrices = [module.weight.detach() for module in linear_layers(model)]
    config = model.network.config
    heads = torch.rand(batch * config.n_heads, tokens, config.emb_dim // config.n_heads)

    def products() -> None:
        multiply_all(matrices, batch * tokens, fastest=True)
        for _ in range(config.n_layers):
            torch.bmm(torch.bmm(heads, heads.transpose(1, 2)), heads)

    return timed(lambda: model(ids)), timed(products)


def decode_transformers() -> tuple[Once, Once]:
    """A token behind a cache against transformers', seconds a token."""
    ours, theirs = runs_of("gpt2-124m", PROMPT, NEW)
    return lambda: ours()[1], lambda: theirs()[1]


def decode_products() -> tuple[Once, Once]:
    """A token behind a cache against the products of one row with the same weights, seconds a token."""
    ours, _ = runs_of("gpt2-124m", PROMPT, NEW)
    model, _ = model_and_ids(1, 1)
    matrices = [module.weight.detach() for module in linear_layers(model)]

    def products() -> None:
        for _ in range(NEW):
            multiply_all(matrices, 1, fastest=True)

    whole = timed(products)
    return lambda: ours()[1], lambda: whole() / NEW


def linear_layers(model: GPT) -> Iterator[Linear]:
    """Yield every linear layer, in order of execution."""
    for module in model.modules():
        if isinstance(module, Linear) and isinstance(module.operation, LinearOperation):
            yield module


CASES: dict[str, Callable[..., tuple[Once, Once]]] = {
    "warm-transformers": warm_transformers,
    "warm-products": warm_products,
    "decode-transformers": decode_transformers,
    "decode-products": decode_products,
}


def main() -> None:
    """Print the times of a case."""
    case, runs, *arguments = sys.argv[1:]
    ours, theirs = CASES[case](*map(int, arguments))
    print(json.dumps(alternate(ours, theirs, int(runs))))


if __name__ == "__main__":
    main()
