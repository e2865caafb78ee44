"""What ``memory -t T`` says is what ``forward`` allocates: a tracker and the profiler around the command's own pass."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from gptcli import processor
from gptcli.model import products
from gptcli.model.gpt import GPT
from gptcli.model.measure import storage_bytes
from gptcli.model.profiled import recorded
from gptcli.model.tracker import LiveBytes
from tests.conftest import Cli, skip_where_torch_fails

LENGTHS = [1, 4, 100, 383, 384, 1024]


class Passes:
    """The peaks of the pass that the command ran, as each instrument saw it."""

    def __init__(self) -> None:
        self.peaks: list[tuple[int, int]] = []


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Passes:
    """Run each pass under both instruments, which cannot see into inference mode."""
    seen, run = Passes(), GPT.__call__

    def watched(self: GPT, ids: torch.Tensor) -> Any:
        existing, room = [*self.parameters(), ids], products._space.numbers  # which no pass allocates
        with torch.inference_mode(False), torch.no_grad():
            with LiveBytes([*existing, room]) as tracker:
                run(self, ids)
            with recorded() as recording:
                logits = run(self, ids)
        seen.peaks.append((tracker.peak - room.nbytes, recording.peak(storage_bytes(existing))))
        return logits

    monkeypatch.setattr(GPT, "__call__", watched)
    return seen


@contextmanager
def threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def allocated(cli: Cli, passes: Passes, *options: str) -> list[int]:
    """Return what ``memory`` says, then what each instrument saw ``forward`` take."""
    model = ("-c", "tiny", "--set", "context_length=1024", *options)
    length = options[options.index("-t") + 1]
    ids = [word for word in model if word not in ("-t", length)]
    said = cli("memory", *model, "--json")
    assert said.code == 0, said.err
    ran = cli("forward", "!" + " !" * (int(length) - 1), *ids, "--device", "cpu")
    skip_where_torch_fails(ran.err)
    assert ran.code == 0, ran.err
    return [said.json["peak_bytes"], *passes.peaks[-1]]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("attention", ["sdpa", "explicit"])
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_what_is_estimated_is_what_runs(cli: Cli, passes: Passes, length: int, attention: str, dtype: str) -> None:
    found = allocated(cli, passes, "-t", str(length), "--attention", attention, "--dtype", dtype)
    assert len(set(found)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("length", [1, 100, 384])
@pytest.mark.parametrize("number", [1, 2, 16])
@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("lacks", [False, True], ids=["instructions", "none"])
def test_on_any_processor(
    cli: Cli, passes: Passes, length: int, number: int, dtype: str, lacks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "lacks_instructions", lambda name: lacks and name != "fp32")
    with threads(number):
        found = allocated(cli, passes, "-t", str(length), "--dtype", dtype)
    assert len(set(found)) == 1


def test_without_mkl(cli: Cli, passes: Passes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: False)
    assert len(set(allocated(cli, passes, "-t", "100"))) == 1


def test_the_ledger_names_what_widening_takes(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows, C rows of the matrix and their result, in fp32: 4 (B T C + C C + B T C) bytes at the output head."""
    monkeypatch.setattr(processor, "lacks_instructions", lambda name: name == "bf16")
    lines = cli("memory", "-c", "tiny", "-t", "100", "--dtype", "bf16", "--json").json["ledger"]
    (widened,) = [line for line in lines if line["label"] == "Widened for the product"]
    assert widened["bytes"] == 4 * (100 * 64 + 64 * 64 + 100 * 64)
