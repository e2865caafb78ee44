"""The format of weights that a config says they are stored in."""

import json
from pathlib import Path
from typing import Any

import pytest

from gptcli.api.stored_format import weights_format
from gptcli.config import ModelConfig, ResolvedConfig
from gptcli.errors import InputError
from tests.conftest import Cli

CONFIG = ModelConfig(vocab_size=300, context_length=64, emb_dim=256, n_heads=4, n_layers=2)
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 32}
GPT2 = {
    "model_type": "gpt2", "vocab_size": 300, "n_positions": 64, "n_embd": 256, "n_head": 4, "n_layer": 2,
}  # fmt: skip


def _format(said: object, dtype: str | None = None, mode: str = "inference") -> tuple[str, list[str]]:
    notes: list[str] = []
    found = weights_format(ResolvedConfig(CONFIG, {}, quantization=said), dtype, mode, notes.append)
    return found, notes


def test_it_is_the_configs_where_nothing_else_is_asked() -> None:
    said = "weights are in gptq:group=32, as quantization_config says; --dtype weighs them in another format"
    assert _format(GPTQ) == ("gptq:group=32", [said])
    assert _format(GPTQ, "bf16") == ("bf16", [])
    assert _format(GPTQ, mode="training") == ("fp32", [])
    assert _format(GPTQ, mode="generate")[0] == "gptq:group=32"
    assert _format(None) == _format({}) == ("fp32", [])


@pytest.mark.parametrize(
    ("said", "told"),
    [({"quant_method": "aqlm"}, "quant_method 'aqlm' is not one of gptq"), ("int4", "it is no mapping")],
)
def test_one_that_cannot_be_told_is_refused(said: object, told: str) -> None:
    with pytest.raises(InputError, match=rf"^quantization_config: {told}.*; use --dtype bf16"):
        _format(said)
    assert _format(said, "bf16") == ("bf16", [])


def _file(folder: Path, said: Any) -> str:
    path = folder / "config.json"
    path.write_text(json.dumps({**GPT2, "quantization_config": said}))
    return str(path)


@pytest.mark.parametrize("command", [["memory"], ["fit", "--budget", "1GiB", "--headroom", "0", "--mode", "generate"]])
def test_commands_weigh_in_it(cli: Cli, tmp_path: Path, command: list[str]) -> None:
    path = _file(tmp_path, GPTQ)
    outcome = cli(*command, "-c", path, "--json")
    assert outcome.json["dtype"] == "gptq:group=32"
    assert "weights are in gptq:group=32, as quantization_config says" in outcome.err
    assert cli(*command, "-c", path, "--dtype", "bf16", "--json").json["dtype"] == "bf16"
    refused = cli(*command, "-c", _file(tmp_path, {"quant_method": "hqq"}))
    assert (refused.code, refused.out) == (2, "")
    assert "error: quantization_config: quant_method 'hqq' is not one of" in refused.err
