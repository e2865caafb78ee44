"""The mistakes that ``check`` knows, as edits of the tree: what they change, what they leave, and that they run."""

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import pytest
import torch
from msgspec.structs import replace
from torch import Tensor

from gptcli.architecture import Group, Network, Stack, describe
from gptcli.architecture.listing import parts_of
from gptcli.architecture.parts.add import Add
from gptcli.architecture.parts.attention import CausalMask, Softmax
from gptcli.architecture.parts.linear import Linear
from gptcli.architecture.plan import build, plan_of
from gptcli.architecture.roles import TO_RESIDUAL
from gptcli.config import ModelConfig
from gptcli.model.check.mistakes import MISTAKES, OTHER_HEADS, Mistake, made, mistakes_for
from gptcli.model.check.mistakes.edits import a, everywhere, followed, places, swapped, without
from gptcli.model.check.ports import IN, OUT, ports
from gptcli.model.check.rerun import Rerun, Values
from gptcli.model.check.search import Search
from gptcli.model.gpt import GPT
from gptcli.model.initialize import initialize
from gptcli.model.tap import observed
from tests.model.planted import SIZES


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def config(**other: Any) -> ModelConfig:
    return ModelConfig(**{**SIZES, "qkv_bias": True, **other})


def two_kinds() -> Network:
    """Layers of two kinds in a pattern: every other one has RMSNorm."""
    plan = plan_of(config(n_layers=4))
    (((layer, _),), _), *_ = plan.runs
    return build(replace(plan, runs=((((layer, 1), (replace(layer, norm="rms_norm"), 1)), 2),)))


TWO_KINDS = "two kinds of layer"
NETWORKS: dict[str, Callable[[], Network]] = {
    "GPT-2": lambda: describe(config()),
    "tied, without biases": lambda: describe(config(weight_tying=True, bias=False, qkv_bias=False, activation="gelu")),
    "RMSNorm": lambda: describe(config(norm="rms_norm")),
    TWO_KINDS: two_kinds,
}


class Ran:
    """A network with random weights, its ports and what its steps give."""

    def __init__(self, network: Network) -> None:
        self.model = GPT(network, dtype=torch.float64).eval()
        initialize(self.model, "torch", 1)
        generator = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for parameter in self.model.parameters():
                if parameter.ndim == 1:  # as check does: a scale of 1 or a shift of 0 hides what does not apply it
                    parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
        self.ids = torch.randint(network.sizes["V"], (2, 7), generator=generator)
        self.ports = ports(network)
        self.outputs: dict[str, Tensor] = {}
        with torch.no_grad(), observed(self.model, self.outputs.__setitem__):
            self.model(self.ids)
        self.rerun = Rerun(self.model, self.ports, self.outputs, self.ids)


@pytest.mark.parametrize("name", NETWORKS)
def test_without_a_mistake_every_stretch_gives_what_ours_gives_to_the_bit(name: str) -> None:
    network = NETWORKS[name]()
    ran = Ran(network)
    right = {port.key: ran.outputs[port.value] for port in ran.ports}
    whole = ran.rerun.whole(network)
    assert whole.keys() == right.keys()
    assert all(torch.equal(whole[key], right[key]) for key in right)
    run_all = everywhere(network, swapped(a(), label="run again"))  # what is as in ours is not run again
    ran_already: dict[str, Values] = {}
    for port in ran.ports:
        stretch = ran.rerun.stretch(port.path)
        values = ran_already.get(stretch.gives) or ran.rerun.run(run_all, stretch)
        ran_already[stretch.gives] = values
        assert port.key in values or port.side == IN  # of a layer, what the stretch before it gives
        assert all(torch.equal(value, right[key]) for key, value in values.items())
    assert len(ran_already) == network.stack.depth + 2
    assert right.keys() == set().union(*ran_already.values())


def test_a_group_of_a_layer_is_run_by_itself() -> None:
    network = NETWORKS["GPT-2"]()
    ran = Ran(network)
    layer = ran.rerun.stretch("h.1.attn.drop")
    group = ran.rerun.group_in(layer, "h.1.attn.drop")
    assert group is not None
    values = ran.rerun.run(everywhere(network, swapped(a(), label="run again")), group)
    inside = {port.key for port in ran.ports if port.path.startswith("h.1.attn.")}
    assert values.keys() == inside | {("h.1.attn", OUT), ("h.1.drop_1", IN)}
    assert all(torch.equal(values[port.key], ran.outputs[port.value]) for port in ran.ports if port.key in values)
    assert ran.rerun.group_in(layer, "h.1.ln_2") is None


NORMS = {"no-eps", "eps-outside-root", "other-eps", "no-root", "norm-over-tokens", "norm-weights-unused",
         "unbiased-variance", "no-mean", "norm-shift-unused", "norm-with-one"}  # fmt: skip
BIASES = {"qkv-bias-unused", "projection-bias-unused", "expand-bias-unused", "back-bias-unused", "norm-shift-unused"}
# The names of which no row can be made, since the network has no such part or is so already.
LEFT_OUT = {
    "GPT-2": {"tanh-gelu"},
    "tied, without biases": BIASES | {"exact-gelu", "embedding-as-head"},
    "RMSNorm": {"tanh-gelu", "no-mean", "unbiased-variance", "norm-shift-unused"},
    TWO_KINDS: {"tanh-gelu"},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_mistakes_are_those_that_the_tree_allows(name: str) -> None:
    possible = list(mistakes_for(NETWORKS[name]()))
    of_gpt2 = {mistake.name for network in NETWORKS.values() for mistake in mistakes_for(network())} - {"norm-with-one"}
    known = {mistake.name for mistake in MISTAKES} & of_gpt2
    assert known - {mistake.name for mistake in possible} == LEFT_OUT[name]
    assert sum(mistake.name == OTHER_HEADS for mistake in possible) == 2 * 7  # 24 has 8 divisors, one is right
    words = " ".join(mistake.hint for mistake in possible)
    assert ("layer norm" in words, "RMSNorm's eps" in words) == (name != "RMSNorm", name in ("RMSNorm", TWO_KINDS))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_mistake_leaves_the_tree_before_it_as_it_is_and_runs(name: str) -> None:
    network, untouched = NETWORKS[name](), NETWORKS[name]()
    ran = Ran(network)
    right = ran.rerun.whole(network)
    for mistake in mistakes_for(network):
        edited = made(network, mistake)
        assert edited.parts != network.parts == untouched.parts
        assert edited == made(network, mistake)
        values = ran.rerun.whole(edited)
        assert any(not torch.equal(values[key], right[key]) for key in values.keys() & right.keys()), mistake


def test_layers_of_every_kind_are_changed() -> None:
    network = NETWORKS[TWO_KINDS]()
    for mistake in mistakes_for(network):
        changed = [before != after for before, after in zip(*layers(network, made(network, mistake)), strict=True)]
        where = {(True, True, True, True), (False, False, False, False)}  # all, or embeddings and end
        if mistake.name in NORMS:  # of one kind
            where = {(True, False, True, False), (False, True, False, True)}
        assert tuple(changed) in where, mistake


def layers(*networks: Network) -> Iterator[list[Group]]:
    for network in networks:
        yield [layer.body for layer in network.stack.layers()]


def test_two_mistakes_at_different_places_are_one_network_in_either_order() -> None:
    network = NETWORKS["GPT-2"]()
    (body, *_), *_ = layers(network)
    changed = {}
    for mistake in mistakes_for(network):
        (edited, *_), *_ = layers(made(network, mistake))
        at = places(body, edited)
        if at and (all(each.startswith("attn.") for each in at) or all(each.startswith("mlp.") for each in at)):
            changed[mistake] = at
    assert len(changed) > 50
    for one, other in combinations(changed, 2):
        if not changed[one] & changed[other]:
            together = made(network, one, other)
            assert together == made(network, other, one)
            (edited, *_), *_ = layers(together)
            assert places(body, edited) == changed[one] | changed[other]


def test_who_reads_a_part_that_is_left_out_is_no_place_of_the_change() -> None:
    network = NETWORKS["GPT-2"]()
    (body, *_), (edited, *_) = layers(network, made(network, named(network, "no-mask")))
    assert places(body, edited) == {"attn.mask"}


def named(network: Network, name: str) -> Mistake:
    return next(mistake for mistake in mistakes_for(network) if mistake.name == name)


def test_two_mistakes_together_compute_both() -> None:
    network = NETWORKS["GPT-2"]()
    ran = Ran(network)
    values = ran.rerun.whole(made(network, named(network, "no-mask"), named(network, "no-scale")))
    q, k, _ = values["h.0.attn.c_attn", OUT].view(2, 7, 3, 4, 6).permute(2, 0, 3, 1, 4)
    torch.testing.assert_close(values["h.0.attn.drop", IN], (q @ k.mT).softmax(-1))


RMS_NORM: dict[str, Callable[[Tensor], Tensor]] = {  # before the scale
    "eps-outside-root": lambda x: x / (x.square().mean(-1, keepdim=True).sqrt() + 1e-5),
    "no-root": lambda x: x / (x.square().mean(-1, keepdim=True) + 1e-5),
    "norm-over-tokens": lambda x: x / (x.square().mean(1, keepdim=True) + 1e-5).sqrt(),
    "no-eps": lambda x: x / x.square().mean(-1, keepdim=True).sqrt(),
    "norm-weights-unused": lambda x: x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt(),
}


@pytest.mark.parametrize("name", RMS_NORM)
def test_mistakes_in_rms_norm_compute_what_people_write(name: str) -> None:
    network = NETWORKS["RMSNorm"]()
    ran = Ran(network)
    values = ran.rerun.whole(made(network, named(network, name)))
    scale = 1 if name == "norm-weights-unused" else ran.model.get_parameter("ln_f.weight")
    expected = scale * RMS_NORM[name](values["ln_f", IN])
    torch.testing.assert_close(values["ln_f", OUT], expected, rtol=1e-9, atol=1e-12)


def renamed(node: Any) -> Any:
    """Return a tree with other names, which only the wiring holds together."""
    if isinstance(node, Stack):
        runs = tuple(
            replace(run, period=tuple((replace(layer, body=renamed(layer.body)), n) for layer, n in run.period))
            for run in node.runs
        )
        return replace(node, runs=runs)
    if not isinstance(node, Group):
        return node
    new = {name: f"part_{number}" for number, (name, _) in enumerate(node.parts)}
    parts = []
    for name, part in node.parts:
        reads = tuple(new.get(read, read) for read in part.reads)
        parts.append((new[name], replace(renamed(part), reads=reads)))
    return replace(node, parts=tuple(parts))


@pytest.mark.parametrize(
    "name",
    ["scaled-embedding", "mask-one-late", "key-as-value", "value-transposed", "silu", "other-eps", "norm-1-twice",
     "softmax-on-logits", "embedding-as-head"],
)  # fmt: skip
def test_a_mistake_is_found_whatever_the_parts_are_called(name: str) -> None:
    network = renamed(NETWORKS["GPT-2"]())
    ran = Ran(network)
    mistake = [each for each in mistakes_for(network) if each.name == name][-1]
    theirs = ran.rerun.whole(made(network, mistake))
    departing = next(
        port
        for port in ran.ports
        if port.key in theirs and not torch.allclose(theirs[port.key], ran.outputs[port.value], rtol=1e-9)
    )
    search = Search(ran.model, ran.ports, ran.outputs, theirs, ran.ids, 1e-9)
    assert [[each.name for each in together] for together in search.culprits(departing)] == [[name]]


class TestEdits:
    """The words for a change, each on one group."""

    NETWORK = NETWORKS["GPT-2"]()
    BODY = next(NETWORK.stack.layers()).body
    ATTENTION = BODY["attn"]

    def changed(self, change: Callable[[Group], Group]) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Return kind and reads of what attention holds after a change."""
        assert isinstance(self.ATTENTION, Group)
        parts = change(self.ATTENTION).parts
        return {name: (node.kind, node.reads) for name, node in parts if not isinstance(node, Stack)}

    def test_left_out_parts_are_read_through(self) -> None:
        left = self.changed(without(lambda part, _: isinstance(part, CausalMask | Softmax)))
        assert left["drop"] == ("dropout", ("scores",))
        assert not {"mask", "softmax"} & left.keys()

    def test_a_last_part_is_left_out_where_what_it_reads_is_the_last_then(self) -> None:
        assert list(self.changed(without(a(Linear, role=TO_RESIDUAL))))[-1] == "mix"
        skipping = replace(self.BODY, parts=(*self.BODY.parts, ("last", Add(label="Sum", reads=("x",), shape=()))))
        assert without(lambda part, _: part.label == "Sum")(skipping) == skipping

    def test_what_follows_is_read_in_its_place(self) -> None:
        change = followed(a(CausalMask), "again", lambda mask: replace(mask, label="Again"))
        assert self.changed(change)["again"] == ("causal_mask", ("mask",))
        assert self.changed(change)["softmax"] == ("softmax", ("again",))
        assert list(self.changed(change)).index("again") == list(self.changed(change)).index("mask") + 1

    def test_parts_are_meant_by_kind_role_and_group(self) -> None:
        def meant(**by: Any) -> set[str]:
            change = swapped(a(Linear, **by), label="meant")
            return {found.path for found, part in parts_of(everywhere(self.NETWORK, change)) if part.label == "meant"}

        assert meant(role=TO_RESIDUAL) == {"h.{i}.attn.c_proj", "h.{i}.mlp.c_proj"}
        assert meant(within="feed_forward") == {"h.{i}.mlp.c_fc", "h.{i}.mlp.c_proj"}
        assert meant(role=TO_RESIDUAL, within="attention") == {"h.{i}.attn.c_proj"}
        assert meant(within="network") == {"lm_head"}
