"""Files that claim what they cannot hold: each is refused by name, before anything is done for what it claims."""

import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from tests.checkpoints import peers
from tests.checkpoints.peers import SHAPES
from tests.conftest import Cli

pytestmark = pytest.mark.filterwarnings("ignore")
SIZES = SHAPES[1]
State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def state() -> State:
    return {name: value.clone() for name, value in peers.hugging_face(SIZES).transformer.state_dict().items()}


def _claims(folder: Path, state: State, **claimed: object) -> Path:
    """Save a model whose config.json says something else."""
    config = {"model_type": "gpt2", "vocab_size": SIZES["vocab_size"], "n_positions": SIZES["context_length"]}
    sizes = {"n_embd": SIZES["emb_dim"], "n_head": SIZES["n_heads"], "n_layer": SIZES["n_layers"]}
    folder.mkdir()
    save_file(state, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config | sizes | claimed))
    return folder


@pytest.mark.parametrize("layers", [16_777_216, 200_000])
def test_layers_that_no_file_holds(cli: Cli, tmp_path: Path, state: State, layers: int) -> None:
    folder = _claims(tmp_path / "model", state, n_layer=layers)
    outcome = cli("checkpoint", str(folder))
    assert outcome.code == 1
    assert f"says {layers:,} layers, but the file holds {len(state)} tensors" in " ".join(outcome.out.split())
    assert cli("forward", "x", "--weights", str(folder)).code == 2


def test_layers_that_are_missing_are_named(cli: Cli, tmp_path: Path, state: State) -> None:
    outcome = cli("checkpoint", str(_claims(tmp_path / "model", state, n_layer=SIZES["n_layers"] + 1)))
    assert f"block {SIZES['n_layers']} of {SIZES['n_layers'] + 1} is missing" in outcome.out


@pytest.mark.parametrize("claim", ["metadata", "args", "name"])
def test_layers_claimed_elsewhere(cli: Cli, tmp_path: Path, state: State, claim: str) -> None:
    path = tmp_path / ("model.pt" if claim == "args" else "model.safetensors")
    if claim == "args":
        arguments = {"n_layer": 2**24, "n_head": 2, "n_embd": 8, "block_size": 16, "vocab_size": 50, "bias": True}
        torch.save({"model": peers.nanogpt(SIZES).state_dict(), "model_args": arguments}, path)
    elif claim == "metadata":
        config = {"name": "x", **SIZES, "n_layers": 2**24}
        save_file(state, path, metadata={"gptcli.config": json.dumps(config)})
    else:
        save_file({**state, "h.16000000.ln_1.weight": torch.ones(SIZES["emb_dim"])}, path)
    outcome = cli("checkpoint", str(path))
    assert outcome.code == 1
    assert "layers, but the file holds" in outcome.out or "belongs to block 16,000,000" in outcome.out


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"shape": [1] * 300}, "shape has 300 axes"),
        ({"shape": [2**62] * 65}, "shape has 65 axes"),
        ({"shape": [10**400, 0], "data_offsets": [0, 0]}, "no number of 63 bits"),
        ({"data_offsets": [0, 2**63]}, "no number of 63 bits"),
    ],
)
def test_shapes_and_offsets_of_safetensors(cli: Cli, tmp_path: Path, entry: dict[str, Any], words: str) -> None:
    header = json.dumps({"wte.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], **entry}}).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 4)
    outcome = cli("checkpoint", str(path))
    assert (outcome.code, words in outcome.out) == (1, True)


ODD: dict[str, tuple[Callable[[], torch.Tensor], str]] = {
    "expanded": (
        lambda: torch.zeros(1000).expand(10**9, 1000),
        "1,000,000,000,000 numbers on paper, 1,000 in the file",
    ),
    "expanded, one axis": (lambda: torch.zeros(1, 8).expand(4, 8), "32 numbers on paper, 8 in the file"),
    "nested": (lambda: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]), "nested tensor is no format"),
    "sparse": (lambda: torch.eye(3).to_sparse(), "torch.sparse_coo is no format"),
}


@pytest.mark.parametrize("kind", ODD)
def test_tensors_that_torch_can_store(cli: Cli, tmp_path: Path, state: State, kind: str) -> None:
    make, words = ODD[kind]
    torch.save({**state, "wte.weight": make()}, tmp_path / "model.pt")
    for arguments in (["checkpoint"], ["checkpoint", "--stats"], ["checkpoint", "--json"]):
        outcome = cli(*arguments, str(tmp_path / "model.pt"))
        assert outcome.code == 1
        assert words in " ".join(outcome.out.split())


def test_a_name_that_is_half_a_character(cli: Cli, tmp_path: Path, state: State) -> None:
    torch.save({**state, "\ud800": torch.zeros(2)}, tmp_path / "model.pt")
    outcome = cli("checkpoint", "--json", str(tmp_path / "model.pt"))
    assert outcome.code == 0
    assert "\\ud800" in json.dumps(json.loads(outcome.out))


# A function of the system by a name out of the memo, by the oldest instructions, and one beside a harmless class.
CALLS = {
    "memo": b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x8c\x05numpy\x94\x8c\x05array\x9400"
    b"h\x00h\x01\x93\x8c\x01x\x85R.",
    "inst": b"(S'x'\nios\nsystem\n.",
    "global": b"cos\nsystem\n(S'x'\ntR.",
    "python 2": b"ccommands\ngetoutput\n(S'x'\ntR.",
}


@pytest.mark.parametrize("kind", CALLS)
def test_what_a_pickle_would_call_is_named(cli: Cli, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.pt"
    # torch's format before its archives: a magic number, a version, a description of the system, the content.
    heads: list[object] = [0x1950A86A20F9469CFC6C, 1001, {}]
    before = b"".join(pickle.dumps(each, protocol=2) for each in heads)
    path.write_bytes(before + CALLS[kind])
    outcome = cli("checkpoint", str(path))
    assert outcome.code == 1
    called = "subprocess.getoutput" if kind == "python 2" else "os.system"
    assert f"opening it would call {called}" in " ".join(outcome.out.split())
