"""The runner: parts are run by what they read, and a value goes with its last reader."""

import copy
import re
import weakref
from typing import Any, get_type_hints

import pytest
import torch
from msgspec.structs import replace
from torch import Tensor, nn

from gptcli.architecture import Group, Part, describe, steps
from gptcli.architecture.axes import B, C, T
from gptcli.architecture.parts.add import Add
from gptcli.architecture.parts.gelu import Gelu
from gptcli.config import ModelConfig, load_config
from gptcli.model.cache import KVCache
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


def test_a_cache_is_filled_where_layers_would_be_recomputed() -> None:
    model = build(describe(TINY), BuildOptions()).requires_grad_()
    model.recompute = True
    cache = KVCache(model.network, len(IDS), 3, torch.float32, "cpu")
    model(IDS[:, :2], cache)
    assert cache.length == 2
    torch.testing.assert_close(model(IDS[:, 2:], cache)[:, 0], model(IDS)[:, 2])


def test_the_values_of_a_network_go_with_their_last_readers() -> None:
    """What a group takes stays until the group returns: its caller holds it; so does what a layer takes.

    What the last part of a group gives is what the group gives, and is read by that name.
    """
    model = build(describe(replace(TINY, n_layers=1)), BuildOptions(dropout=True))
    listed = steps(model.network, model.network.sizes_for(*IDS.shape))
    order = {step.path: index for index, step in enumerate(listed)}
    last = {read: index for index, step in enumerate(listed) for read in step.reads}
    last["drop"] = order["h.0.add_2"]
    last["h.0.attn.c_attn"] = last["h.0.attn.heads"]  # which is a view of it
    values: dict[str, weakref.ref[Tensor]] = {}
    late: list[tuple[str, str]] = []

    def listen(path: str, out: Tensor) -> None:
        now = order[path]
        late.extend((name, path) for name, value in values.items() if last.get(name, now) < now and value() is not None)
        values[path] = weakref.ref(out)

    with torch.no_grad(), observed(model, listen):
        model(IDS)
    assert late == []
    assert len(values) == len(listed)


def test_the_temperature_of_queries_is_what_the_key_says() -> None:
    """The words beside the key, evaluated."""
    from math import floor, log

    from gptcli.architecture.axes import number
    from gptcli.architecture.parts.arithmetic import Temperature
    from gptcli.model.parts.arithmetic import Temperature as Leaf

    meant = get_type_hints(ModelConfig, include_extras=True)["temperature_floor"].__metadata__
    said = re.search(r"multiply queries with (.+?); 0", next(each.description for each in meant if each.description))
    assert said is not None
    part = Temperature(label="x", reads=("x", "positions"), shape=(number(1),), floor=4.0, scale=0.3)
    found = Leaf(part, {}, lambda *_: nn.Parameter())(torch.ones(1, 1, 9, 1), torch.arange(9)).flatten().tolist()
    known = {"temperature_scale": 0.3, "log": log, "floor": floor, "this": 4.0}
    assert found == pytest.approx([eval(said[1], known | {"p": p}) for p in range(9)])  # noqa: S307  # our own words
    assert found[2] == 1 < found[3] < found[7]
