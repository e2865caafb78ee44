"""The witness: it agrees with our network for every config, with transformers' too, and with no wrong description."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from msgspec.structs import replace
from torch import Tensor, nn
from torch.nn import functional as F

from gptcli.api.witness import witness_checks
from gptcli.architecture import AttentionPath, describe, plan
from gptcli.architecture.axes import V
from gptcli.architecture.wiring import attention, feed_forward, layer, network, norms
from gptcli.config import ModelConfig, load_config
from gptcli.errors import InputError
from gptcli.model.gpt import Runner
from gptcli.model.parts import add, dropout, gelu
from gptcli.model.witness import check_witness, witness_named
from gptcli.model.witnessed import parameters_and_weights, small
from tests.conftest import Cli
from tests.strategies import configs

TINY = replace(load_config("tiny", environ={}).config, qkv_bias=True)
ROWS = ["witness: parameters", "witness: weights", "witness: logits", "witness: steps' logits"]


def off(config: ModelConfig, attention: AttentionPath = "sdpa", name: Any = "plain") -> list[str]:
    """The rows that the witness contradicts."""
    found = list(witness_checks(describe(config), attention, witness_named(name)))
    assert [check.name for check in found] == ROWS
    assert all(check.estimated > 0 for check in found)
    assert all(check.ok == (check.estimated == check.measured) for check in found)
    return [check.name for check in found if not check.ok]


@pytest.mark.parametrize("attention", ["sdpa", "explicit"])
@settings(max_examples=15, deadline=None)
@given(config=configs(largest=4))
def test_the_witness_agrees_for_every_config(attention: AttentionPath, config: ModelConfig) -> None:
    assert off(config, attention) == []


@pytest.mark.parity
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("activation", ["gelu", "gelu_tanh"])
def test_transformers_agrees_too(tied: bool, activation: Any) -> None:
    assert off(replace(TINY, weight_tying=tied, activation=activation), name="transformers") == []


RATES = {"drop_rate": 0.3, "embedding_drop_rate": 0.1, "attention_drop_rate": 0.5}


@pytest.mark.parametrize("name", ["plain", pytest.param("transformers", marks=pytest.mark.parity)])
@pytest.mark.parametrize("without", [None, *RATES])
def test_each_rate_of_dropout_is_that_of_its_place(name: str, without: str | None) -> None:
    """Masks are drawn with the same seed on both sides, so another rate anywhere is another number."""
    rates = RATES if without is None else RATES | {without: 0.0}
    assert off(replace(TINY, **rates), name=name) == []


def test_a_size_is_cut_down_and_a_choice_is_not() -> None:
    cut = small(TINY)
    assert (cut.n_layers, cut.n_heads, cut.emb_dim, cut.context_length, cut.vocab_size) == (2, 3, 24, 13, 61)
    sizes = {"n_layers", "n_heads", "emb_dim", "context_length", "vocab_size"}
    kept = set(ModelConfig.__struct_fields__) - sizes
    assert {key: getattr(cut, key) for key in kept} == {key: getattr(TINY, key) for key in kept}


@pytest.mark.parametrize(
    ("taken", "put"),
    [
        (None, "extra.weight"),
        (None, "trf_blocks.0.att.mask"),
        ("trf_blocks.1.att.W_key.bias", None),
        ("pos_emb.weight", "pos.weight"),
    ],
    ids=["one more", "a buffer's name", "a third missing", "another name"],
)
def test_each_tensor_of_the_witness_counts(taken: str | None, put: str | None) -> None:
    right = witness_named("plain")

    def state(network: nn.Module) -> dict[str, Tensor]:
        tensors = dict(right.state(network))
        tensor = tensors.pop(taken) if taken else torch.zeros(2)
        return tensors | ({put: tensor} if put else {})

    whole = parameters_and_weights(describe(TINY), right)[1]
    assert whole.agree == whole.compared
    weights = parameters_and_weights(describe(TINY), replace(right, state=state))[1]
    assert weights.agree == whole.agree - bool(taken)
    assert weights.compared == whole.compared + bool(put)


BIAS_FREE = replace(TINY, bias=False, qkv_bias=False, drop_rate=0.1)
SHORTCUT = {"label": "Shortcut connection", "reads": ("x", "drop_1")}

# What is described otherwise: which operation, by its kind and some of its fields, and the fields it gets instead.
DESCRIBED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "a bias on the head": ("Linear", {"label": "Output head"}, {"bias": True}),
    "a bias on query, key, value": ("Linear", {"label": "Query, key, value"}, {"bias": True}),
    "norms always biased": ("LayerNorm", {}, {"bias": True}),
    "RMSNorm with another eps": ("RMSNorm", {"label": "Final RMSNorm"}, {"eps": 1e-6}),
    "another eps": ("LayerNorm", {"label": "Final layer norm"}, {"eps": 1e-6}),
    "a shortcut from the normed input": ("Add", SHORTCUT, {"reads": ("ln_1", "drop_1")}),
    "no shortcut": ("Add", SHORTCUT, {"reads": ("drop_1", "drop_1")}),
    "a feed forward beside attention": ("LayerNorm", {"label": "Layer norm 2"}, {"reads": ("x",)}),
    "no final norm": ("Linear", {"label": "Output head"}, {"reads": ("h",)}),
    "a position table with V rows": ("Embedding", {"label": "Positional embedding"}, {"rows": V}),
    "the other GELU": ("Gelu", {}, {"exact": True}),
    "no dropout on the embedding": ("Dropout", {"reads": ("embed",)}, {"rate": 0.0}),
    "no dropout on the weights": ("Dropout", {"reads": ("softmax",)}, {"rate": 0.0}),
    "a head of its own": ("Linear", {"label": "Output head"}, {"tied_to": None}),
}


WIRING = (network, layer, attention, feed_forward, norms)


def plant(monkeypatch: pytest.MonkeyPatch, error: str) -> None:
    kind, of, instead = DESCRIBED[error]
    homes = [module for module in WIRING if hasattr(module, kind)]
    right = getattr(homes[0], kind)

    def make(**fields: Any) -> Any:
        return right(**{**fields, **instead}) if of.items() <= fields.items() else right(**fields)

    for module in homes:
        monkeypatch.setattr(module, kind, make)


@pytest.mark.parametrize("error", DESCRIBED)
def test_an_error_of_the_description_is_seen(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    norm = "rms_norm" if DESCRIBED[error][0] == "RMSNorm" else "layer_norm"
    config = replace(BIAS_FREE, weight_tying=error == "a head of its own", norm=norm)
    assert off(config) == []
    plant(monkeypatch, error)
    assert off(config) != []


@pytest.mark.parity
def test_a_feed_forward_three_times_as_wide_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "_FEED_FORWARD_FACTOR", 3)
    assert off(TINY) == ROWS
    assert off(TINY, name="transformers") == ROWS


LEAVES = {
    "the other GELU": (gelu.Gelu, lambda self, x: F.gelu(x)),
    "no dropout": (dropout.Dropout, lambda self, x: x),
    "a sum that takes away": (add.Add, lambda self, x, y: x - y),
}


@pytest.mark.parametrize("error", LEAVES)
def test_an_error_of_a_leaf_is_seen(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    leaf, forward = LEAVES[error]
    monkeypatch.setattr(leaf, "forward", forward)
    assert off(BIAS_FREE) == ["witness: logits", "witness: steps' logits"]


def test_an_error_of_the_runner_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Runner.run

    def from_the_normed_input(self: Runner, call: Any, values: dict[str, Any], cache: Any) -> Any:
        if call.name == "add_1":
            values = values | {"x": values["drop_1"]}
        return right(self, call, values, cache)

    monkeypatch.setattr(Runner, "run", from_the_normed_input)
    assert off(BIAS_FREE) == ["witness: logits"]


@pytest.mark.parametrize("error", DESCRIBED)
def test_verify_fails_where_the_witness_contradicts(cli: Cli, error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gptcli.api.verification.checks", lambda *a, **k: iter(()))  # these hold, as they always did
    plant(monkeypatch, error)
    asked = ["--set", "bias=false", "--set", "qkv_bias=false", "--set", "drop_rate=0.1"]
    asked += ["--tied"] * (error == "a head of its own")
    asked += ["--set", "norm=rms_norm"] * (DESCRIBED[error][0] == "RMSNorm")
    outcome = cli("verify", "-c", "tiny", "--quick", *asked)
    assert outcome.code == 1
    assert "OFF" in outcome.out


@pytest.mark.parametrize(("key", "value"), [("qkv_bias", False), ("bias", False)])
def test_transformers_says_what_it_cannot_express(key: str, value: bool) -> None:
    config = replace(TINY, **{"bias": True, "qkv_bias": True, key: value})
    with pytest.raises(InputError, match=rf"biases everywhere, tiny has {key}=false; use --witness plain"):
        off(config, name="transformers")


def test_transformers_has_layer_norms_only() -> None:
    config = replace(TINY, bias=True, qkv_bias=True, norm="rms_norm")
    with pytest.raises(InputError, match=r"has layer norms, tiny has norm=rms_norm; use --witness plain"):
        off(config, name="transformers")


class ToyNorm(nn.Module):
    """A norm that torch might have one day, with no bias."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.given = (width, eps)


def test_a_witness_takes_any_norm_that_torch_has(monkeypatch: pytest.MonkeyPatch) -> None:
    config: Any = replace(TINY, norm="toy_norm")
    with pytest.raises(NotImplementedError, match="toy_norm"):
        witness_named("plain").build(config, "meta", torch.float32)
    monkeypatch.setattr(nn, "ToyNorm", ToyNorm, raising=False)
    built = witness_named("plain").build(config, "meta", torch.float32)
    norms = [each for each in built.modules() if isinstance(each, ToyNorm)]
    assert [each.given for each in norms] == [(TINY.emb_dim, TINY.norm_eps)] * (2 * TINY.n_layers + 1)


def test_transformers_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gptcli.model.witness.witness.find_spec", lambda _name: None)
    with pytest.raises(InputError, match=r"pip install transformers.*--witness plain"):
        check_witness("transformers", TINY)
