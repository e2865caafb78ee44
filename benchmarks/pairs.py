"""What is compared with what, and how far we may be behind: one row a pair."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from benchmarks.process import gptcli, peer

TEXT = "Every effort moves you"


class Pair(Struct, frozen=True, kw_only=True):
    """One row.

    Attributes:
        name: of ours, as people read it.
        against: what it stands beside.
        limit: the ratio that must hold at most, or None where there is none.
        ours: a command, or the case of `benchmarks.inside` with its arguments.
        theirs: a command; empty for a case of `benchmarks.inside`, which runs both.
        measure: ``seconds`` or ``peak``.
        extra_bytes: added to the peak of theirs: the bytes of the weights.
        runs: how often.
    """

    name: str
    against: str
    limit: float | None
    ours: Sequence[str]
    theirs: Sequence[str] = ()
    measure: str = "seconds"
    extra_bytes: int = 0
    runs: int = 11


def pairs(checkpoint: Path, texts: dict[str, Path], weights_bytes: int) -> list[Pair]:
    """List all pairs.

    Args:
        checkpoint: a directory that transformers saved, of 124M.
        texts: text files by name: ``small`` and ``large``, ten times as long.
        weights_bytes: of the default model.
    """
    hello = peer("hello")
    small, large = (str(texts[name]) for name in ("small", "large"))
    vocabulary = str(_vocabulary())
    start = [
        Pair(name=f"gptcli {' '.join(words)}", against="a Typer and Rich hello-world", limit=1.5,
             ours=gptcli(*words), theirs=hello, runs=21)
        for words in (["params"], ["memory"], ["flops"], ["fit", "--budget", "24GiB"])
    ]  # fmt: skip
    weights = [*gptcli("forward", "--weights", str(checkpoint)), TEXT]
    forward = gptcli("forward", TEXT)
    return [
        *start,
        Pair(name="gptcli tokenize", against="hello-world, tiktoken building its encoding", limit=1.2,
             ours=gptcli("tokenize", TEXT), theirs=peer("hello_tiktoken", vocabulary, TEXT), runs=21),
        Pair(name="gptcli params", against="torchinfo on the naive network", limit=0.12,
             ours=gptcli("params"), theirs=peer("naive_torchinfo"), runs=5),
        Pair(name="gptcli params, 10 trillion", against="gptcli params, 124M", limit=1.1, runs=21,
             ours=gptcli("params", "-c", "gpt3-175b", "--set", "n_layers=5600"), theirs=gptcli("params")),
        Pair(name="gptcli forward", against="import torch, the same draws, the same products", limit=1.15,
             ours=forward, theirs=peer("bare", "draw"), runs=7),
        Pair(name="gptcli forward", against="the naive network", limit=1.0,
             ours=forward, theirs=peer("naive_forward"), runs=7),
        Pair(name="gptcli forward", against="transformers", limit=0.5,
             ours=forward, theirs=peer("transformers_forward"), runs=7),
        Pair(name="gptcli forward --weights", against="transformers from_pretrained", limit=0.42,
             ours=weights, theirs=peer("transformers_pretrained", str(checkpoint)), runs=7),
        Pair(name="gptcli forward --weights", against="import torch, mapping, the same products", limit=1.15,
             ours=weights, theirs=peer("bare", "map", str(checkpoint / "model.safetensors")), runs=7),
        Pair(name="gptcli forward, peak memory", against="import torch, plus the weights", limit=1.15, measure="peak",
             ours=forward, theirs=peer("import_torch"), extra_bytes=weights_bytes, runs=3),
        *(_inside(f"warm pass, {b} x {t}", "transformers, SDPA", 0.95, "warm-transformers", b, t)
          for b, t in ((1, 4), (1, 128), (1, 1024), (8, 128))),
        *(_inside(f"warm pass, {b} x {t}", "its matrix products", 1.25, "warm-products", b, t)
          for b, t in ((1, 1024), (8, 128))),
        _inside("a token with cache", "transformers with cache", 0.9, "decode-transformers"),
        _inside("a token with cache", "its matrix-vector products", 1.15, "decode-products"),
        Pair(name="gptcli tokenize --count, 200 MB", against="tiktoken's batches, text in memory", limit=1.1,
             ours=gptcli("tokenize", "--count", "-f", large), theirs=peer("tiktoken_count", large), runs=3),
        Pair(name="gptcli tokenize --count, 200 MB, peak memory", against="the same for 20 MB", limit=1.1,
             measure="peak", runs=3,
             ours=gptcli("tokenize", "--count", "-f", large), theirs=gptcli("tokenize", "--count", "-f", small)),
    ]  # fmt: skip


def _inside(name: str, against: str, limit: float, case: str, *arguments: int) -> Pair:
    return Pair(name=name, against=against, limit=limit, ours=[case, *map(str, arguments)], runs=9)


def _vocabulary() -> Path:
    from gptcli.tokenizer import VOCABULARY_FILE

    return VOCABULARY_FILE
