"""Configs that are still a line of Python."""

from pathlib import Path

import pytest

from gptcli.config import ModelConfig, load_config
from gptcli.config.python_reader import without_assignment
from gptcli.errors import InputError

DICTIONARY = """{
    "vocab_size": 50257,   # entries
    "context_length": 256,
    "emb_dim": 64, "n_heads": 4, "n_layers": 2,
    "drop_rate": 0.1,
    "qkv_bias": False,
}"""
RIGHT = ModelConfig(
    name="config", vocab_size=50257, context_length=256, emb_dim=64, n_heads=4, n_layers=2, drop_rate=0.1
)


def read(tmp_path: Path, text: str) -> ModelConfig:
    path = tmp_path / "config.py"
    path.write_text(text)
    return load_config(str(path), environ={}).config


@pytest.mark.parametrize(
    "text",
    [
        f"GPT_CONFIG_124M = {DICTIONARY}\n",
        f"# sizes\nimport torch\n\nCONFIG: dict[str, object] = {DICTIONARY}\n\nprint(CONFIG)\n",
        f"seed = 123\nnames = ['a']\ncfg = \\\n    {DICTIONARY}\nclass GPT:\n    pass\n",
        f"größe = {DICTIONARY}; x = 2\n",
        DICTIONARY,
    ],
)
def test_a_dictionary_is_read_as_data(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == RIGHT


def test_nothing_is_run(tmp_path: Path) -> None:
    assert read(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w')\nCFG = {DICTIONARY}\n") == RIGHT
    assert not (tmp_path / "ran").exists()


def test_an_error_names_the_line_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.py:8: qkv_bias must be true or false, got Falze"):
        read(tmp_path, f"import torch\n\nCFG = {DICTIONARY.replace('False', 'Falze')}\n")


def test_of_several_none_is_chosen(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"assigns 2 dictionaries: A \(line 1\), B \(line 2\); keep the one"):
        read(tmp_path, "A = {'vocab_size': 1}\nB = {'vocab_size': 2}\n")


@pytest.mark.parametrize("data", [b"a = {\n", b"vocab_size: 1\n", b"a: {b: 1}\n", b"\0 = {\n"])
def test_what_is_no_python_is_left_alone(data: bytes) -> None:
    assert without_assignment(data, "x") == data
