"""The runner of the tree, as a program that holds a model uses it: modules exchanged, copied, listened to."""

import copy
import weakref

import torch
from torch import Tensor, nn

from gptcli.architecture import describe, steps
from gptcli.architecture.axes import B, C, T
from gptcli.architecture.parts.add import Add
from gptcli.config import ModelConfig
from gptcli.model.cache import KVCache
from gptcli.model.gpt import GPT, Runner, existing
from gptcli.model.initialize import initialize
from gptcli.model.tap import Tap, observed
from tests.patterned import patterned

IDS = torch.tensor([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]])
CONFIG = ModelConfig(vocab_size=50, context_length=8, emb_dim=12, n_heads=3, n_layers=1, drop_rate=0.1)


def _model(order: str = "ABA", *, recompute: bool = False) -> GPT:
    model = GPT(patterned(order, attention="explicit", config=CONFIG), recompute=recompute).eval()
    initialize(model, "torch", 1)
    return model


def test_a_module_in_anothers_place_is_what_runs() -> None:
    model = _model()
    before = model(IDS)
    expand = model.get_submodule("h.1.mlp.c_fc")
    other = nn.Linear(12, 40)
    model.get_submodule("h.1.mlp").c_fc = other
    assert not torch.equal(model(IDS), before)
    assert dict(model.named_parameters())["h.1.mlp.c_fc.weight"] is other.weight
    model(IDS).sum().backward()
    assert other.weight.grad is not None
    model.get_submodule("h.1.mlp").c_fc = expand
    assert torch.equal(model(IDS), before)
    model.lm_head = nn.Linear(12, 7)
    assert model(IDS).shape == (2, 5, 7)


def test_a_copy_shares_nothing() -> None:
    model = _model()
    before = model(IDS)
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    seen: list[str] = []
    with observed(other, lambda path, _: seen.append(path)):
        assert not other(IDS).any()
    assert seen == [step.path for step in steps(model.network, model.network.sizes_for(*IDS.shape))]
    assert torch.equal(model(IDS), before)
    assert len(seen) == len(set(seen))


def test_a_part_may_read_a_value_twice() -> None:
    shape = (B, T, C)
    parts = tuple((name, Add(label="Sum", reads=(read, read), shape=shape)) for name, read in ("ax", "ba"))
    doubled: Tensor = Runner(parts, "", {}, existing({}), Tap())(torch.ones(2, 3))
    assert torch.equal(doubled, torch.full((2, 3), 4.0))


def test_a_cache_is_filled_where_layers_would_be_recomputed() -> None:
    model = _model(recompute=True)
    cache = KVCache(model.network, 2, 5, torch.float32, "cpu")
    model(IDS[:, :4], cache)
    assert cache.length == 4
    torch.testing.assert_close(model(IDS[:, 4:], cache)[:, 0], model(IDS)[:, 4])


def test_a_value_goes_with_its_last_reader() -> None:
    """What a group takes stays until the group returns: its caller holds it; so does what a layer takes.

    What the last part of a group gives is what the group gives, and is read by that name.
    """
    model = GPT(describe(CONFIG)).train()
    initialize(model, "torch", 1)
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
