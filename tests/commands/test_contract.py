"""The promised keys of the machine-readable output, and what the issue's readers will see first."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from gptcli import __version__
from gptcli.config import preset_paths
from tests.conftest import Cli, gptcli_process


def test_tokenize(cli: Cli) -> None:
    document = cli("tokenize", "Every effort moves you", "é", "--json").json
    assert (document["schema_version"], document["command"], document["encoding"]) == (2, "tokenize", "r50k_base")
    assert document["texts"][0]["ids"] == [6109, 3626, 6100, 345]
    assert document["texts"][0]["tokens"][1] == {"id": 3626, "text": " effort", "bytes": b" effort".hex()}
    assert document["texts"][1]["text"] == "é"
    assert document["total_tokens"] == 5


def test_tokenize_for_pipes(cli: Cli, tmp_path: Path) -> None:
    assert cli("tokenize", "--ids", "Every effort moves you", "Hi").out == "6109 3626 6100 345\n17250\n"
    assert cli("tokenize", "--count", "Every effort moves you", "Hi").out == "5\n"
    assert cli("tokenize", "--decode", "6109 3626, [6100] 345").out == "Every effort moves you"
    assert cli("tokenize", "--decode", "--json", "6109").json["texts"][0]["text"] == "Every"
    file = tmp_path / "crlf.txt"
    file.write_bytes(b"a\r\nb\r\n")
    ids = cli("tokenize", "--ids", "-f", str(file)).out
    assert cli("tokenize", "--decode", ids).out == "a\r\nb\r\n"
    assert cli("tokenize", "--ids", "<|endoftext|>", "--allow-special").out == "50256\n"


def test_tokenize_reads_standard_input_byte_for_byte() -> None:
    piped = gptcli_process("tokenize", "--ids", "-", input="Every effort moves you\n")
    assert piped.stdout == "6109 3626 6100 345 198\n"


def test_params(cli: Cli) -> None:
    document = cli("params", "--json").json
    assert document["total"] == 163_009_536
    assert document["weight_tying"] is False
    assert document["totals"] == {"untied": 163_009_536, "tied": 124_412_160}
    assert sum(weight["count"] for weight in document["weights"]) == document["total"]
    shapes = {weight["path"]: weight["shape"] for weight in document["weights"]}
    assert shapes["h.11.attn.c_attn.weight"] == [3 * 768, 768]
    tied = cli("params", "--tied", "--json").json
    assert tied["weights"][-1] == {
        "path": "lm_head.weight",
        "shape": [50257, 768],
        "count": 0,
        "tied_to": "wte.weight",
    }
    assert tied["total"] == 124_412_160


def test_memory(cli: Cli) -> None:
    document = cli("memory", "--dtype", "fp32", "--json").json
    assert (document["mode"], document["dtype"], document["weights_bytes"]) == ("inference", "fp32", 652_038_144)
    text = cli("memory", "--dtype", "fp32").out
    assert "621.83 MiB" in text
    assert "652.04 MB" in text


def test_forward_on_the_124m_model(cli: Cli, tmp_path: Path) -> None:
    saved = tmp_path / "out.safetensors"
    document = cli("forward", "Every effort moves you", "Every day holds a", "--json", "--save", str(saved)).json
    assert document["input_ids"] == [[6109, 3626, 6100, 345], [6109, 1110, 6622, 257]]
    assert document["logits"]["shape"] == [2, 4, 50257]
    assert document["parameters"] == 163_009_536
    assert (document["device"], document["dtype"], document["seed"]) == ("cpu", "fp32", 123)
    tensors = load_file(saved)
    assert tensors["input_ids"].dtype == torch.int64
    assert tensors["input_ids"].tolist() == document["input_ids"]
    assert (tensors["logits"].dtype, tuple(tensors["logits"].shape)) == (torch.float32, (2, 4, 50257))
    for text, row in zip(document["next_tokens"], tensors["logits"], strict=True):
        best = row[-1].topk(5)
        assert [candidate["id"] for candidate in text] == best.indices.tolist()
        assert text[0]["probability"] == pytest.approx(float(row[-1].double().softmax(0).max()), rel=1e-5)
        assert set(text[0]) == {"id", "text", "logit", "probability"}
    assert list(tmp_path.iterdir()) == [saved]


def test_config(cli: Cli) -> None:
    presets = cli("config", "list", "--json").json["presets"]
    assert {preset["name"] for preset in presets} == set(preset_paths())  # tests/config/test_load.py names them
    shown = cli("config", "show", "tiny", "--set", "n_layers=5", "--json").json
    assert shown["config"]["n_layers"] == 5
    assert shown["sources"]["n_layers"] == "--set n_layers=5"


def test_config_show_prints_a_config_that_reads_back(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(cli("config", "show", "gpt2-xl", "--set", "name=a b: c", "--set", "norm_eps=1e-6").out)
    assert cli("config", "validate", str(file)).code == 0
    read = cli("config", "show", str(file), "--json").json["config"]
    assert (read["name"], read["norm_eps"], read["emb_dim"]) == ("a b: c", 1e-6, 1600)


def test_every_document_is_one_line_of_json_in_a_pipe() -> None:
    for arguments in (["params"], ["memory"], ["tokenize", "x"], ["config", "list"]):
        output = gptcli_process(*arguments, "--json").stdout
        assert output.count("\n") == 1
        json.loads(output)


def test_version(cli: Cli) -> None:
    assert cli("--version").out == f"gptcli {__version__}\n"
