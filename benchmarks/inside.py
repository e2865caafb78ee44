"""What is timed inside one process, turn by turn: ``python -m benchmarks.inside CASE RUNS DEVICE [ARGUMENTS]``.

Prints JSON. A process of its own keeps torch out of the one that measures processes, whose memory they would inherit.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from time import perf_counter

import torch

from benchmarks import families
from benchmarks.decode import peer_of, runs_of
from benchmarks.machine import GEMM_FLOPS, gemm
from benchmarks.products import multiply_all
from gptcli.analysis.flops import flops_report
from gptcli.architecture import describe
from gptcli.config import load_config
from gptcli.model.forward import BuildOptions, build
from gptcli.model.gpt import GPT
from gptcli.model.parts.linear import Linear

Once = Callable[[], float]
PROMPT, NEW = 64, 64


def alternate(ours: Once, theirs: Once, runs: int) -> dict[str, float | list[float]]:
    """Run both once, then in turns; return the seconds of each, and of our first run, which does not count."""
    first = ours()
    theirs()
    pairs = [(ours(), theirs()) for _ in range(runs)]
    return {"first": first, "ours": [a for a, _ in pairs], "theirs": [b for _, b in pairs]}


def timed(call: Callable[[], object], device: str) -> Once:
    """Return what times one call: by the clock, or on CUDA by events in the card's queue."""

    def by_clock() -> float:
        with torch.inference_mode():
            started = perf_counter()
            call()
            return perf_counter() - started

    def by_events() -> float:
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        with torch.inference_mode():
            start.record()
            call()
            end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) / 1000

    return by_events if device == "cuda" else by_clock


def model_and_ids(device: str, batch: int, tokens: int, dtype: str = "fp32") -> tuple[GPT, torch.Tensor]:
    """Build 124M with QKV bias, as transformers has it, and draw ids (B, T)."""
    config = load_config("gpt2-124m", set_values=["qkv_bias=true"], environ={}).config
    ids = torch.randint(config.vocab_size, (batch, tokens), generator=torch.Generator().manual_seed(1))
    return build(describe(config), BuildOptions(device=device, dtype=dtype)), ids.to(device)


def warm_transformers(device: str, batch: int, tokens: int) -> tuple[Once, Once]:
    """A pass against transformers' with the same weights."""
    model, ids = model_and_ids(device, batch, tokens)
    peer = peer_of(model)
    with torch.inference_mode():
        torch.testing.assert_close(model(ids), peer(ids).logits, atol=1e-2, rtol=1e-3)
    return timed(lambda: model(ids), device), timed(lambda: peer(ids, use_cache=False).logits, device)


def warm_rate(device: str, batch: int, tokens: int) -> tuple[Once, Once]:
    """A pass against its FLOPs at the rate of one large product, which is measured in the same turn."""
    model, ids = model_and_ids(device, batch, tokens)
    flops = flops_report(describe(model.network.config), batch=batch, tokens=tokens).forward_flops
    large = timed(gemm(device), device)

    def at_that_rate() -> float:
        return min(large() for _ in range(3)) / GEMM_FLOPS * flops

    return timed(lambda: model(ids), device), at_that_rate


def decode_transformers(device: str) -> tuple[Once, Once]:
    """A token with a cache against transformers', seconds a token."""
    ours, theirs = runs_of("gpt2-124m", PROMPT, NEW, device)
    return lambda: ours()[1], lambda: theirs()[1]


def decode_products(device: str) -> tuple[Once, Once]:
    """A token with a cache against the products of one row with the same weights, seconds a token."""
    ours, _ = runs_of("gpt2-124m", PROMPT, NEW, device)
    model, _ = model_and_ids(device, 1, 1)
    matrices = [module.weight.detach() for module in linear_layers(model)]

    def products() -> None:
        for _ in range(NEW):
            multiply_all(matrices, 1, fastest=True)

    whole = timed(products, device)
    return lambda: ours()[1], lambda: whole() / NEW


def family_pass(name: str) -> Callable[..., tuple[Once, Once]]:
    """A pass of a later decoder against the faster of transformers' ways."""

    def case(device: str, tokens: int) -> tuple[Once, Once]:
        peers, model, ids = families.checked(name, tokens, 0)
        peer = families.fastest(peers, ids)
        return timed(lambda: model(ids), device), timed(lambda: peer(ids, use_cache=False).logits, device)

    return case


def family_rate(name: str) -> Callable[..., tuple[Once, Once]]:
    """A pass of a later decoder against its FLOPs at the rate of one large product: the kernels' own share."""

    def case(device: str, tokens: int) -> tuple[Once, Once]:
        _, model, ids = families.checked(name, tokens, 0)
        flops = flops_report(model.network, batch=1, tokens=tokens).forward_flops
        large = timed(gemm(device), device)
        return timed(lambda: model(ids), device), lambda: min(large() for _ in range(3)) / GEMM_FLOPS * flops

    return case


def family_token(name: str) -> Callable[..., tuple[Once, Once]]:
    """A token of a later decoder with a cache against the faster of transformers' ways, seconds a token."""

    def case(device: str) -> tuple[Once, Once]:
        peers, model, ids = families.checked(name, PROMPT, NEW)
        peer = min(peers, key=lambda each: families.their_generation(each, ids, NEW)[0][1])
        return (
            lambda: families.one_generation(model, ids, NEW)[0][1],
            lambda: families.their_generation(peer, ids, NEW)[0][1],
        )

    return case


def products(device: str, batch: int, tokens: int) -> tuple[Once, Once]:
    """A pass that multiplies in pieces against one that multiplies with ``F.linear``."""
    model, ids = model_and_ids(device, batch, tokens)
    plain, _ = model_and_ids(device, batch, tokens)
    for layer in linear_layers(plain):
        layer.product = torch.nn.functional.linear
    return timed(lambda: model(ids), device), timed(lambda: plain(ids), device)


def bf16(device: str, batch: int, tokens: int) -> tuple[Once, Once]:
    """A pass in bf16 against one in fp32."""
    low, ids = model_and_ids(device, batch, tokens, "bf16")
    full, _ = model_and_ids(device, batch, tokens)
    return timed(lambda: low(ids), device), timed(lambda: full(ids), device)


def threads(device: str, batch: int, tokens: int) -> tuple[Once, Once]:
    """A pass on all threads against one on a single thread."""
    model, ids = model_and_ids(device, batch, tokens)
    all_of_them = torch.get_num_threads()

    def on(number: int) -> Once:
        once = timed(lambda: model(ids), device)

        def run() -> float:
            torch.set_num_threads(number)
            return once()

        return run

    return on(all_of_them), on(1)


def compiled(device: str, batch: int, tokens: int) -> tuple[Once, Once]:
    """A pass through ``torch.compile`` against one without; compiling, from nothing, is in the first pass alone."""
    model, ids = model_and_ids(device, batch, tokens)
    other, _ = model_and_ids(device, batch, tokens)
    for layer in linear_layers(other):
        layer.product = torch.nn.functional.linear
    fast = torch.compile(other)
    return timed(lambda: fast(ids), device), timed(lambda: model(ids), device)


def linear_layers(model: GPT) -> Iterator[Linear]:
    """Yield every linear layer, in order of execution."""
    for module in model.modules():
        if isinstance(module, Linear):
            yield module


CASES: dict[str, Callable[..., tuple[Once, Once]]] = {
    "warm-transformers": warm_transformers,
    "warm-rate": warm_rate,
    "decode-transformers": decode_transformers,
    "decode-products": decode_products,
    **{f"{name}-pass": family_pass(name) for name in ("llama", "experts")},
    **{f"{name}-rate": family_rate(name) for name in ("llama", "experts")},
    **{f"{name}-token": family_token(name) for name in ("llama", "experts")},
    "products": products,
    "bf16": bf16,
    "threads": threads,
    "compiled": compiled,
}


def main() -> None:
    """Print the times of a case."""
    case, runs, device, *arguments = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder  # nothing that was compiled before is found again
        ours, theirs = CASES[case](device, *map(int, arguments))
        print(json.dumps(alternate(ours, theirs, int(runs))))


if __name__ == "__main__":
    main()
