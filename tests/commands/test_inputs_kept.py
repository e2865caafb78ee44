"""An output that is also an input is refused by every command that writes, and the input stays as it was."""

import json
import os
from pathlib import Path

import pytest
from safetensors.torch import save_file

from tests.checkpoints import peers
from tests.conftest import Cli

# What is typed, and which file is both read and written. Each file has a name whose ending is allowed there, so that
# nothing but the clash is wrong; `{weights}` and `{markup}` are checkpoints, by their headers at least.
CLASHES = {
    "forward onto its weights": ("forward x --weights {weights} --save {weights}", "weights"),
    "trace onto its weights": ("trace x --weights {weights} --save {weights}", "weights"),
    "a page onto the weights": ("trace x --weights {markup} --html {markup}", "markup"),
    "onto weights in a folder": ("forward x --weights {folder} --save {weights}", "weights"),
    "onto the config of weights": ("forward x --weights {folder} --save {settings}", "settings"),
    "forward onto its text": ("forward -f {text} -c tiny --save {text}", "text"),
    "trace onto the second text": ("trace x -f {other} -f {text} -c tiny --save {text}", "text"),
    "flow onto its text": ("flow -f {other} -c tiny --format text -o {other}", "other"),
    "flow onto its config": ("flow -c {sizes} --format text -o {sizes}", "sizes"),
    "forward onto its config": ("forward x -c {config} --save {config}", "config"),
    "forward onto a config in a folder": ("forward x -c {folder} --save {settings}", "settings"),
    "conversion onto its source": ("checkpoint convert {weights} {weights} --to lecture", "weights"),
    "conversion onto a file of its source": ("checkpoint convert {folder} {weights} --to lecture", "weights"),
    "two outputs": ("trace x -c tiny --save {new} --html {new}", "new"),
}


# A link has a name of its own; config.json, which cannot have another, is written to through a link alone.
CASES = [
    *((case, False) for case, (_, which) in CLASHES.items() if which != "settings"),
    *((case, True) for case, (_, which) in CLASHES.items() if which != "new"),
]


@pytest.mark.parametrize(("case", "linked"), CASES)
def test_no_input_is_replaced(cli: Cli, tmp_path: Path, case: str, linked: bool) -> None:
    typed, which = CLASHES[case]
    folder = tmp_path / "folder"
    folder.mkdir()
    files = {
        "weights": folder / "model.safetensors",
        "settings": folder / "config.json",
        "markup": tmp_path / "markup.html",
        "text": tmp_path / "text.safetensors",
        "other": tmp_path / "other.txt",
        "config": tmp_path / "mine.safetensors",
        "sizes": tmp_path / "sizes.txt",
    }
    header = b'{"__metadata__":{}}     '
    for name in ("weights", "markup"):
        files[name].write_bytes(len(header).to_bytes(8, "little") + header)
    files["settings"].write_text('{"model_type": "gpt2", "n_layer": 1, "n_head": 1, "n_embd": 4}')
    files["text"].write_text("Every effort")
    files["other"].write_text("moves you")
    for name in ("config", "sizes"):
        files[name].write_text("emb_dim: 64\nn_heads: 4\nn_layers: 1\n")
    before = {path: path.read_bytes() for path in files.values()}
    words = typed.format(**files, folder=folder, new=tmp_path / "new").split()
    if linked:
        link = tmp_path / f"link{'.safetensors' if which == 'settings' else files[which].suffix}"
        os.link(files[which], link)
        words[len(words) - words[::-1].index(str(files[which])) - 1] = str(link)
    outcome = cli(*words)
    assert (outcome.code, outcome.out) == (2, "")
    told = "two outputs would go there" if which == "new" else "read by this command, which would replace it"
    assert told in outcome.err
    assert {path: path.read_bytes() for path in files.values()} == before
    assert not any(path.name.startswith((".gptcli", "new")) for path in tmp_path.rglob("*"))


@pytest.mark.parametrize(
    "typed",
    [
        "checkpoint convert {folder} {folder}/model.safetensors --to lecture",
        "checkpoint convert {folder} {folder}/model.safetensors --to gptcli",
        "forward --token-ids 0 --weights {folder} --save {folder}/model.safetensors",
    ],
)
def test_a_folder_stays_the_checkpoint_that_it_is(cli: Cli, tmp_path: Path, typed: str) -> None:
    """A whole file beside shards is looked for sooner than their index."""
    folder = tmp_path / "folder"
    folder.mkdir()
    state = peers.lecture(peers.SHAPES[1]).state_dict()
    save_file(state, folder / "model-00001-of-00001.safetensors")
    index = {"weight_map": dict.fromkeys(state, "model-00001-of-00001.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    before = sorted(folder.iterdir())
    outcome = cli(*typed.format(folder=folder).split())
    assert (outcome.code, outcome.out) == (2, "")
    assert f"would make another checkpoint of {folder}, which this command reads" in outcome.err
    assert sorted(folder.iterdir()) == before
    harmless = cli("checkpoint", "convert", str(folder), str(folder / "out.safetensors"), "--to", "gptcli")
    assert harmless.code == 0, harmless.err


def test_the_only_checkpoint_of_a_folder_stays_the_only_one(cli: Cli, tmp_path: Path) -> None:
    save_file(peers.lecture(peers.SHAPES[1]).state_dict(), tmp_path / "mine.safetensors")
    outcome = cli(
        "forward", "--token-ids", "0", "--weights", str(tmp_path), "--save", str(tmp_path / "out.safetensors")
    )
    assert (outcome.code, outcome.out) == (2, "")
    assert "would make another checkpoint of" in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.safetensors"]


def test_a_command_that_only_reads_takes_a_file_twice(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_text("a")
    assert cli("tokenize", "--ids", "-f", str(file), "-f", str(file)).out == "64\n64\n"
