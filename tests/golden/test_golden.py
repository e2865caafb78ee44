"""Whole screens at 80 and 120 columns without colour; ``make goldens`` writes them anew."""

import re
from pathlib import Path

import pytest

from gptcli import processor
from tests.conftest import Cli

FOLDER = Path(__file__).parent
SCREENS = {
    "params": ["params"],
    "params-tied-depth-4": ["params", "--tied", "--depth", "4"],
    "params-gpt3": ["params", "-c", "gpt3-175b"],
    "memory": ["memory"],
    "memory-gpt3-int4": ["memory", "-c", "gpt3-175b", "--dtype", "int4"],
    "params-conventions": ["params", "--conventions"],
    "params-why": ["params", "--why", "137M"],
    "params-explain": ["params", "--depth", "1", "--explain"],
    "memory-training": ["memory", "--mode", "training"],
    "memory-generate": ["memory", "--mode", "generate", "--dtype", "fp16", "--explain"],
    "flops": ["flops", "--tokens-per-second", "15000", "--peak-tflops", "312"],
    "fit": ["fit", "--budget", "24GiB"],
    "compare": ["compare", "gpt2-124m", "gpt2", "gpt3-175b"],
    "compare-four": ["compare", "gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", "-t", "512"],
    "tokenize": ["tokenize", "Every effort moves you"],
    "tokenize-hard": ["tokenize", "naïve 🤷🏽\n\t\x00", ""],
    "config-list": ["config", "list"],
    "config-show": ["config", "show", "gpt2", "--set", "n_layers=24"],
    # No logit of these texts lies so near the middle of two last digits that another processor's rounding shows.
    "forward-loss": [
        "forward",
        "every effort moves",
        "Once",
        "-c",
        "tiny",
        "--device",
        "cpu",
        "--targets",
        " effort moves you",
        "--targets",
        " there",
    ],
    "generate-tiny": ["generate", "Every effort moves you", "-c", "tiny", "--device", "cpu", "-n", "8"],
    "generate-two": ["generate", "Every effort", "Hi", "-c", "tiny", "--device", "cpu", "-n", "6", "--top-k", "9"],
    "flow": ["flow", "Every effort moves you"],
    "flow-depth-3": ["flow", "--depth", "3"],
    "flow-mermaid": ["flow", "Every effort moves you", "--format", "mermaid"],
    "trace-tiny": ["trace", "Every effort moves you", "Hi", "-c", "tiny", "--device", "cpu"],
    "trace-blocks": ["trace", "Hi", "-c", "tiny", "--device", "cpu", "--block", "all", "--depth", "2"],
    "trace-attention": ["trace", "Every effort moves you", "-c", "tiny", "--device", "cpu", "--attention-map"],
    "trace-lens": ["trace", "Every effort moves you", "-c", "tiny", "--device", "cpu", "--logit-lens"],
    "trace-tensor": ["trace", "Every effort", "-c", "tiny", "--device", "cpu", "--tensor", "h.2.attn.mask"],
    "forward-tiny": ["forward", "Every effort moves you", "Once", "-c", "tiny", "--device", "cpu"],
}


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", SCREENS)
def test_screen(
    name: str, width: int, cli: Cli, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(processor, "lacks_instructions", lambda _dtype: False)  # whose figures it would change
    outcome = cli(*SCREENS[name])
    assert outcome.code == 0, outcome.err
    screen = "\n".join(line.rstrip() for line in _without_times(outcome.out).splitlines()) + "\n"
    golden = FOLDER / f"{name}.{width}.txt"
    if request.config.getoption("--update-goldens"):
        golden.write_text(screen, encoding="utf-8")
    assert golden.exists(), f"{golden.name} is missing; write it with: make goldens"
    assert screen == golden.read_text(encoding="utf-8")
    if "mermaid" not in name:  # source, which no screen wraps
        assert max(map(len, screen.splitlines())) <= width


def _without_times(text: str) -> str:
    """Put a sign in the place of times; one that stands at the right of a column stays there."""
    return re.sub(r"( *)(?:\d+\.)?\d+ (?:\u00b5s|ms|s)\b( to| for)?", _sign, text)


def _sign(time: re.Match[str]) -> str:
    return f"{time[1]}# ms{time[2]}" if time[2] else f"{'# ms':>{len(time[0])}}"


def test_no_golden_is_left_over() -> None:
    expected = {f"{name}.{width}.txt" for name in SCREENS for width in (80, 120)}
    assert {path.name for path in FOLDER.glob("*.txt")} == expected
