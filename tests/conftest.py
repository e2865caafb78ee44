"""What the tests share: the command line, in this process and in one of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import clear_frames
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import settings

from gptcli.cli import run

if TYPE_CHECKING:
    from tests.hub.server import Hub

# The suite runs in as many processes as there are cores; more threads would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
settings.register_profile("gptcli", deadline=None)  # no test asserts a wall-clock time
settings.load_profile("gptcli")


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Cli = Callable[..., Outcome]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="write the golden files instead of comparing")


# What torch's kernels for AVX2 say where they ask the processor, and not the variable, which instructions there are.
_PACKING = "pack_vnni2 is only supported when avx512 is supported"


def skip_where_torch_fails(told: str) -> None:
    """Skip where torch's fused attention in bf16 cannot run: AVX-512 is there, and ``ATEN_CPU_CAPABILITY`` hides it."""
    if _PACKING in told and os.environ.get("ATEN_CPU_CAPABILITY") in ("default", "avx2"):
        pytest.skip("torch's fused attention in bf16 fails where ATEN_CPU_CAPABILITY hides the processor's AVX-512")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Skip a test in which torch fails so, and let its tensors go: they would count in the next measurement."""
    try:
        return (yield)
    except RuntimeError as error:
        clear_frames(error.__traceback__)
        skip_where_torch_fails(str(error))
        raise


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("GPTCLI_") or name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TERM", "dumb")


@pytest.fixture
def cli(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """Run the command line in this process, with nothing on its standard input."""

    def call(*arguments: str) -> Outcome:
        capfdbinary.readouterr()
        code = run(arguments)
        sys.stdout.flush()
        captured = capfdbinary.readouterr()
        return Outcome(code, captured.out.decode(), captured.err.decode())

    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        yield call


def gptcli_process(*arguments: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "gptcli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **kwargs)


@contextmanager
def started(*arguments: str, **kwargs: Any) -> "Iterator[subprocess.Popen[bytes]]":
    """Start the command line in a process of its own that heeds signals, and end it with the block."""
    command = [sys.executable, "-m", "gptcli", *arguments]
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | kwargs
    with _signals_heeded():
        process: subprocess.Popen[bytes] = subprocess.Popen(command, **options)
    with process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def _signals_heeded() -> Iterator[None]:
    """Let processes that are started in the block heed signals.

    What is started by nohup, or by a shell with ``&``, ignores some signals, and so do its children; a signal that has
    a handler in the parent has none in the child.
    """
    before = {number: signal.signal(number, signal.default_int_handler) for number in _ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


# By which the client of the Hugging Face Hub is told where to look, and whether.
_HUB_VARIABLES = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN")


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the Hub's cache, empty."""
    for variable in _HUB_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "hub"


@pytest.fixture
def hub(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> "Iterator[Hub]":
    """A Hub on this machine, which the client takes for the real one."""
    pytest.importorskip("huggingface_hub", reason="needs the [hub] extra")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)  # read when it was imported
    from tests.hub.server import running_hub

    with running_hub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        yield running


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where anything would be fetched."""

    def fetch(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr("gptcli.hub.client.check_reachable", fetch)
