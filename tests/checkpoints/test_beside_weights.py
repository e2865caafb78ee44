"""Where the state_dict lies in what programs save, and what lies beside it and runs nothing."""

import argparse
import collections
import datetime
import pathlib
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from gptcli.api.weights import load_weights
from gptcli.errors import InputError
from gptcli.model.load import load_model
from tests.checkpoints import peers
from tests.checkpoints.peers import IDS, SHAPES

pytestmark = pytest.mark.filterwarnings("ignore")
SIZES = SHAPES[1]
HEADS = [f"n_heads={SIZES['n_heads']}"]


class Settings(dict[str, object]):
    """A mapping of somebody's own, as Lightning's AttributeDict."""


class Names(list[str]):
    """A list of somebody's own."""


@dataclass
class Options:
    """Settings of somebody's own."""

    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.95)


class Calls:
    """Calls what it is told to when it is unpickled."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.made = function, arguments

    def __reduce__(self) -> Any:
        return self.made


def _runs(path: Path, model: torch.nn.Module) -> None:
    recognised = load_weights(str(path), set_values=HEADS).recognised
    with torch.no_grad():
        got = load_model(recognised, dtype=torch.float32)(IDS)
    torch.testing.assert_close(got, peers.logits_of(model), atol=1e-4, rtol=0)


@pytest.fixture(scope="module")
def model() -> Any:
    return peers.hugging_face(SIZES)


def _optimizer() -> dict[str, object]:
    state = {i: {"step": torch.tensor(3.0), "exp_avg": torch.zeros(4, 4)} for i in range(40)}
    return {"state": state, "param_groups": [{"params": list(range(40)), "lr": 1e-3}]}


PLACES: dict[str, Any] = {
    "MODEL_STATE": lambda state: {"MODEL_STATE": state, "EPOCHS_RUN": 3},
    "module, of DeepSpeed": lambda state: {"module": state, "optimizer": _optimizer(), "global_steps": 10},
    "net": lambda state: {"epoch": 1, "net": state, "optim": _optimizer()},
    "one deeper": lambda state: {"app": {"model": state, "step": torch.tensor(4)}, "rng": torch.zeros(16)},
    "two deeper": lambda state: {"states": {"trainer": {"weights": state}}},
    "a model in a model": lambda state: {"model": {"state_dict": state}, "optimizer": _optimizer()},
    "a tensor beside it": lambda state: {"loss": torch.tensor(1.5), "weights": state},
    "a mapping of its own": lambda state: {"weights": OrderedDict(state)},
    "an optimizer first": lambda state: {"optimizer": _optimizer(), "generator": state},
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_the_state_dict_is_found_under_any_key(tmp_path: Path, model: Any, place: Any) -> None:
    path = tmp_path / "snapshot.pt"
    torch.save(place(model.state_dict()), path)
    _runs(path, model)


BESIDE: dict[str, object] = {
    "a number of NumPy": np.float64(1.25),
    "numbers of NumPy": {"best": np.float32(2), "epoch": np.int64(4), "done": np.bool_(True)},
    "an array": np.arange(12.0).reshape(3, 4),
    "random state": np.random.RandomState(3).get_state(),
    "a generator": np.random.default_rng(3),
    "a dtype": np.dtype("float32"),
    "options": argparse.Namespace(lr=0.1, out=pathlib.Path("/tmp/x")),
    "a namespace": SimpleNamespace(lr=0.1),
    "a path": pathlib.PurePosixPath("runs/1"),
    "a path of Windows": pathlib.PureWindowsPath("runs/1"),
    "a time": [datetime.datetime(2024, 1, 2), datetime.timedelta(hours=3)],
    "containers": [collections.defaultdict(list, {"a": [1]}), collections.deque([1, 2]), collections.Counter("aab")],
    "a set": {frozenset({1, 2}), frozenset({3})},
    "a dataclass": Options(),
    "a mapping of a class": Settings(a=1, b=[2]),
    "a list of a class": Names(["a", "b"]),
    "torch's version": torch.torch_version.TorchVersion("2.4.0"),
}


@pytest.mark.parametrize("older", [False, True], ids=["zip", "older"])
@pytest.mark.parametrize("value", BESIDE.values(), ids=BESIDE)
def test_values_beside_the_weights_are_harmless(tmp_path: Path, model: Any, value: object, older: bool) -> None:
    path = tmp_path / "snapshot.pt"
    saved = {"state_dict": model.state_dict(), "beside": value}
    torch.save(saved, path, _use_new_zipfile_serialization=not older)
    _runs(path, model)


CALLS = {
    "eval": Calls(eval, "print('ran')"),
    "a class with a call": Calls(Options, 1e-3),
    "getattr": Calls(getattr, "text", "upper"),
    "hidden in options": argparse.Namespace(out=Calls(print, "ran")),
    "hidden in an array": np.array([Calls(print, "ran")], dtype=object),
}


@pytest.mark.parametrize("value", CALLS.values(), ids=CALLS)
def test_other_calls_are_refused_by_name(
    tmp_path: Path, model: Any, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "snapshot.pt"
    torch.save({"state_dict": model.state_dict(), "number": np.float64(1), "beside": value}, path)
    with pytest.raises(InputError, match="refused: opening it would call") as refused:
        load_weights(str(path), set_values=HEADS)
    assert "numpy" not in str(refused.value)  # what is harmless is not to blame
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("key", [None, "model"])
def test_whole_modules_are_called_that(tmp_path: Path, model: Any, key: str | None) -> None:
    path = tmp_path / "model.pt"
    lecture = peers.lecture(SIZES)
    torch.save(lecture if key is None else {key: lecture, "epoch": 3}, path)
    with pytest.raises(InputError, match=r"a whole module of class tests\.naive\.NaiveGPT.*save model\.state_dict"):
        load_weights(str(path))


def test_an_attribute_does_not_rename_a_whole_module(tmp_path: Path) -> None:
    lecture = peers.lecture(SIZES)
    vars(lecture)["kept_as"] = 3  # what its stand-in calls the class
    torch.save(lecture, tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"a whole module of class tests\.naive\.NaiveGPT"):
        load_weights(str(tmp_path / "model.pt"))


@pytest.mark.parametrize("kind", [dict, list])
def test_what_repeats_itself_is_looked_at_once(tmp_path: Path, model: Any, kind: type) -> None:
    """A thousand references to one object at each of nine levels are few bytes in a pickle."""
    inside: Any = torch.zeros(4)
    for _ in range(9):
        inside = dict.fromkeys(range(1000), inside) if kind is dict else [inside] * 1000
    torch.save({"weights": model.state_dict(), "beside": inside}, tmp_path / "model.pt")
    _runs(tmp_path / "model.pt", model)
    assert load_weights(str(tmp_path / "model.pt"), set_values=HEADS).recognised.opened.extras == {"beside": 16}
