"""``gptcli compare`` of decoders of several families."""

from tests.conftest import Cli


def test_later_decoders_stand_beside_gpt2(cli: Cli) -> None:
    text = cli("compare", "gpt2-124m", "mixtral-8x7b", "gemma-3-270m", "-t", "64", "--dtype", "bf16").out
    rows = {line[2:26].strip(): line[26:].split() for line in text.splitlines() if line[:2] in ("* ", "  ")}
    assert rows["KV heads"] == ["each", "its", "own", "8", "1"]
    assert rows["Activation"] == ["GELU,", "tanh", "form", "SiLU", "GELU,", "tanh", "form"]
    assert rows["Experts"] == ["none", "8", "none"]
    assert rows["a token uses"] == ["163.0M", "12.9B", "268.1M"]


def test_without_experts_no_row_says_what_a_token_uses(cli: Cli) -> None:
    assert "a token uses" not in cli("compare", "gpt2-124m", "llama-3.2-1b", "-t", "64").out


def test_a_peak_that_is_not_known_is_no_number(cli: Cli) -> None:
    xielu = ("--set", "activation=xielu")
    assert cli("memory", "-c", "tiny", "-t", "8", *xielu, "--json").json["peak_bytes"] is None
