"""The runner: parts are run by what they read, and a value goes with its last reader."""

import copy
import weakref
from typing import Any

import pytest
import torch
from msgspec.structs import replace
from torch import Tensor, nn

from gptcli.architecture import Group, Part, describe
from gptcli.architecture.axes import B, C, T
from gptcli.architecture.parts.add import Add
from gptcli.architecture.parts.gelu import Gelu
from gptcli.config import load_config
from gptcli.model.forward import BuildOptions, build
from gptcli.model.gpt import GPT, Runner
from gptcli.model.tap import Tap, observed

STREAM = (B, T, C)
TINY = load_config("tiny", set_values=["n_layers=2"], environ={}).config
IDS = torch.tensor([[1, 2, 3], [4, 5, 6]])


def runner(*parts: tuple[str, Part | Group]) -> Runner:
    return Runner(parts, "", {}, lambda *_: nn.Parameter(), Tap())


def add(*reads: str) -> Add:
    return Add(label="Sum", shape=STREAM, reads=reads)


def gelu(read: str) -> Gelu:
    return Gelu(label="GELU", shape=STREAM, reads=(read,))


def test_parts_take_what_they_read() -> None:
    x = torch.tensor([1.0, -2.0])
    ours = runner(("a", gelu("x")), ("b", add("a", "x")), ("c", add("b", "b")), ("d", add("a", "c")))
    a = nn.functional.gelu(x, approximate="tanh")
    torch.testing.assert_close(ours(x), a + 2 * (a + x))


def test_a_group_inside_a_group() -> None:
    x = torch.tensor([3.0])
    inner = Group(kind="twice", label="Twice", reads=("a",), parts=(("one", add("x", "x")), ("two", add("one", "x"))))
    assert runner(("a", add("x", "x")), ("g", inner), ("b", add("g", "x")))(x).item() == 3 * 6 + 3


def test_a_value_goes_with_its_last_reader() -> None:
    alive: dict[str, list[str]] = {}
    known: dict[str, Any] = {}
    ours = runner(("a", gelu("x")), ("b", gelu("a")), ("c", gelu("b")), ("d", add("c", "a")), ("e", gelu("d")))

    def listener(path: str, out: Tensor) -> None:
        known[path] = weakref.ref(out)
        alive[path] = [name for name, reference in known.items() if reference() is not None]

    ours.tap.listener = listener
    with torch.no_grad():
        ours(torch.ones(2))
    assert alive["c"] == ["a", "b", "c"]  # b is still the argument of c
    assert alive["d"] == ["a", "c", "d"]
    assert alive["e"] == ["d", "e"]


def test_what_reads_before_it_is_made_is_an_error() -> None:
    with pytest.raises(KeyError, match="b"):
        runner(("a", gelu("b")), ("b", gelu("x")))(torch.ones(1))


def test_a_listener_goes_although_a_step_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(describe(TINY), BuildOptions())

    def fail(_x: Tensor) -> Tensor:
        raise RuntimeError("broken")

    monkeypatch.setattr(model.get_submodule("h.1.mlp.act"), "forward", fail)
    seen: list[str] = []
    with pytest.raises(RuntimeError, match="broken"), observed(model, lambda path, _x: seen.append(path)):
        model(IDS)
    assert seen[-1] == "h.1.mlp.c_fc"
    assert model.tap.listener is None


@pytest.mark.parametrize("path", ["h.0.attn", "h.1.mlp.act", "wte"])
def test_a_module_that_somebody_replaces_is_run(path: str) -> None:
    model = build(describe(TINY), BuildOptions())

    class Zero(nn.Module):
        def forward(self, x: Tensor, _cache: object = None) -> Tensor:
            return torch.zeros(*IDS.shape, TINY.emb_dim) if path == "wte" else torch.zeros_like(x)

    with torch.no_grad():
        before = model(IDS)
        parent, _, name = path.rpartition(".")
        setattr(model.get_submodule(parent), name, Zero())
        assert not torch.equal(model(IDS), before)


def test_a_copy_is_a_network_of_its_own() -> None:
    model = build(describe(TINY), BuildOptions())
    other = copy.deepcopy(model)
    with torch.no_grad():
        expected = model(IDS)
        assert torch.equal(other(IDS), expected)
        other.get_parameter("wte.weight").zero_()
        assert not torch.equal(other(IDS), expected)
        assert torch.equal(model(IDS), expected)
    loaded = GPT(describe(TINY, "sdpa"))
    loaded.load_state_dict(model.state_dict())
    torch.testing.assert_close(loaded.eval()(IDS), expected)


def test_dropped_layers_are_those_of_the_tree() -> None:
    network = describe(replace(TINY, n_layers=5))
    assert [len(layer.calls) for layer in GPT(network, device="meta").layers] == [8] * 5
