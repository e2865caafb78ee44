"""What a checkpoint's model is called where no config names it."""

from pathlib import Path

import pytest

from gptcli.checkpoints.opening import name_of


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("model.pth", "model"),
        ("./model.pth", "model"),
        ("../here/model.pth", "model"),
        ("runs/model.pth", "model"),
        ("my_gpt.v2.pt", "my_gpt.v2"),
        ("model.safetensors", "model"),
        ("ckpt.pt", "ckpt"),
        ("../ckpt.pt", "ckpt"),
        ("gpt2-mine/model.safetensors", "gpt2-mine"),
        ("gpt2-mine/pytorch_model.bin", "gpt2-mine"),
        ("out-shakespeare/ckpt.pt", "out-shakespeare"),
        ("gpt2-mine", "gpt2-mine"),
        (".", "here"),
        ("models--me--small/snapshots/abc", "small"),
        ("models--me--small/snapshots/abc/model.safetensors", "small"),
    ],
)
def test_a_file_is_called_after_itself_and_never_after_the_current_folder(
    path: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    if Path(path).suffix:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch()
    else:
        Path(path).mkdir(parents=True, exist_ok=True)
    assert name_of(Path(path)) == name
