"""What is compared with what, and how far we may be behind: one row a pair."""

from collections.abc import Sequence
from os import cpu_count
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
        warm: run both once before, which is not counted.
        terminal: ours writes its progress to a terminal.
        option: this is no comparison with a peer but says what an option is worth.
    """

    name: str
    against: str
    limit: float | None = None
    ours: Sequence[str]
    theirs: Sequence[str] = ()
    measure: str = "seconds"
    extra_bytes: int = 0
    runs: int = 11
    warm: bool = True
    terminal: bool = False
    option: bool = False


def pairs(folder: Path, weights_bytes: int, *, cuda: bool) -> list[Pair]:
    """List all pairs.

    Args:
        folder: what `needed_files` makes lies there.
        weights_bytes: of the default model.
        cuda: whether there is a card.
    """
    return [*_starts(), *_forwards(folder, weights_bytes), *_inside("cpu"), *_texts(folder), *_options()] + (
        [*_on_cuda(), *_inside("cuda")] if cuda else []
    )


def checkpoint(folder: Path) -> Path:
    """Return where transformers is to save 124M."""
    return folder / "gpt2"


def text_file(folder: Path, megabytes: int) -> Path:
    """Return where a text of a size is to be."""
    return folder / f"{megabytes}.txt"


TEXT_MEGABYTES = (100, 200, 1000)


# Without torch: of the default model, and of the largest decoder; one training step of it takes over 10 TB.
_BUDGET = ["--budget", "2000TB"]
_SHORT_COMMANDS = [
    *(["params"], ["memory"], ["flops"], ["flow"], ["fit", "--budget", "24GiB"]),
    *([command, "-c", "deepseek-v3"] for command in ("params", "memory", "flops", "flow")),
    *(["fit", "-c", "deepseek-v3", *more] for more in (_BUDGET, [*_BUDGET, "--mode", "inference"])),
]


def _starts() -> list[Pair]:
    hello = peer("hello")
    return [
        *(Pair(name=f"gptcli {' '.join(words)}", against="a Typer and Rich hello-world", limit=1.5, runs=21,
               ours=gptcli(*words), theirs=hello)
          for words in _SHORT_COMMANDS),
        Pair(name="gptcli tokenize", against="hello-world, tiktoken building its encoding", limit=1.2, runs=21,
             ours=gptcli("tokenize", TEXT), theirs=peer("hello_tiktoken", str(_vocabulary()), TEXT)),
        Pair(name="gptcli params", against="torchinfo on the naive network", limit=0.12, runs=5,
             ours=gptcli("params"), theirs=peer("naive_torchinfo")),
        Pair(name="gptcli flops", against="torch's FLOP counter on the naive network", runs=5,
             ours=gptcli("flops"), theirs=peer("naive_flop_counter")),
        Pair(name="gptcli params, 10 trillion", against="gptcli params, 124M", limit=1.1, runs=31,
             ours=gptcli("params", "-c", "gpt3-175b", "--set", "n_layers=5600"), theirs=gptcli("params")),
    ]  # fmt: skip


def _forwards(folder: Path, weights_bytes: int) -> list[Pair]:
    saved = str(checkpoint(folder))
    forward = gptcli("forward", TEXT)
    weights = gptcli("forward", "--weights", saved, TEXT)
    return [
        Pair(name="gptcli forward", against="import torch, the same draws, the same products", limit=1.15, runs=7,
             ours=forward, theirs=peer("bare", "draw")),
        Pair(name="gptcli forward", against="the naive network", limit=1.0, runs=7,
             ours=forward, theirs=peer("naive_forward")),
        Pair(name="gptcli forward", against="transformers", limit=0.5, runs=7,
             ours=forward, theirs=peer("transformers_forward")),
        Pair(name="gptcli forward --weights", against="transformers from_pretrained", limit=0.42, runs=7,
             ours=weights, theirs=peer("transformers_pretrained", saved)),
        Pair(name="gptcli forward --weights", against="import torch, mapping, the same products", limit=1.15, runs=7,
             ours=weights, theirs=peer("bare", "map", f"{saved}/model.safetensors")),
        Pair(name="gptcli forward, peak memory", against="import torch, plus the weights", limit=1.15, runs=3,
             measure="peak", ours=forward, theirs=peer("import_torch"), extra_bytes=weights_bytes),
    ]  # fmt: skip


# Later decoders: what they are called in `benchmarks.families`, and by people.
_LATER = (("llama", "Llama of 100M"), ("experts", "mixture of experts, 200M"))


def _inside(device: str) -> list[Pair]:
    """What runs in one process, with limits where those are set: for the CPU."""
    where, limited = ("", True) if device == "cpu" else (", CUDA", False)
    shapes, long = ((1, 4), (1, 128), (1, 1024), (8, 128)), ((1, 1024), (8, 128))
    return [
        Pair(name=name + where, against=against, limit=limit if limited else None, runs=9,
             ours=[case, device, *map(str, arguments)])
        for name, against, limit, case, arguments in (
            *((f"warm pass, {b} x {t}", "transformers, SDPA", 0.95, "warm-transformers", (b, t)) for b, t in shapes),
            *((f"warm pass, {b} x {t}", "its FLOPs at the rate of a large product", 1.25, "warm-rate", (b, t))
              for b, t in long),
            ("a token with cache", "transformers with cache", 0.9, "decode-transformers", ()),
            ("a token with cache", "its matrix-vector products", 1.15, "decode-products", ()),
            *((f"warm pass, {words}, 1 x 64", "transformers, SDPA", 1.0, f"{name}-pass", (64,))
              for name, words in _LATER),
            *((f"a token with cache, {words}", "transformers with cache", 1.0, f"{name}-token", ())
              for name, words in _LATER),
            *((f"warm pass, {words}, 1 x 64", "its FLOPs at the rate of a large product", None, f"{name}-rate", (64,))
              for name, words in _LATER),
        )
    ]  # fmt: skip


def _texts(folder: Path) -> list[Pair]:
    hundred, two_hundred, thousand = (str(text_file(folder, size)) for size in TEXT_MEGABYTES)
    threads = str(min(cpu_count() or 1, 8))
    return [
        Pair(name="gptcli tokenize --count, 200 MB", against="tiktoken's batches, text in memory", limit=1.1, runs=5,
             ours=gptcli("tokenize", "--count", "-f", two_hundred),
             theirs=peer("tiktoken_count", two_hundred, threads)),
        Pair(name="gptcli tokenize --count, 1 GB, peak memory", against="the same for 100 MB", limit=1.1, runs=1,
             measure="peak", warm=False, ours=gptcli("tokenize", "--count", "-f", thousand),
             theirs=gptcli("tokenize", "--count", "-f", hundred)),
    ]  # fmt: skip


def _options() -> list[Pair]:
    """What options are worth, and what progress costs."""
    forward = gptcli("forward", TEXT)
    shapes = ((1, 4), (1, 128), (1, 1024))
    return [
        Pair(name="gptcli forward, progress on a terminal", against="the same, piped", option=True, runs=11,
             terminal=True, ours=forward, theirs=forward),
        *(Pair(name=f"{name}, {b} x {t}", against=against, option=True, runs=5, ours=[case, "cpu", str(b), str(t)])
          for name, against, case, sizes in (
              ("products in pieces", "F.linear", "products", ((1, 1), (1, 1024))),
              ("all threads", "one thread", "threads", shapes),
              ("bf16", "fp32", "bf16", ((1, 1), *shapes)),
              ("torch.compile", "without", "compiled", shapes),
          )
          for b, t in sizes),
    ]  # fmt: skip


def _on_cuda() -> list[Pair]:
    return [
        Pair(name="gptcli forward --device cuda", against="gptcli forward --device cpu", runs=7,
             ours=gptcli("forward", "--device", "cuda", TEXT), theirs=gptcli("forward", "--device", "cpu", TEXT)),
        *(Pair(name=f"bf16, {b} x {t}, CUDA", against="fp32", option=True, runs=9,
               ours=["bf16", "cuda", str(b), str(t)])
          for b, t in ((1, 128), (8, 128), (1, 1024))),
        Pair(name="torch.compile, 1 x 4, CUDA", against="without", option=True, runs=9,
             ours=["compiled", "cuda", "1", "4"]),
    ]  # fmt: skip


def _vocabulary() -> Path:
    from gptcli.tokenizer import VOCABULARY_FILE

    return VOCABULARY_FILE
