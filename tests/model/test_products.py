"""Products in pieces: what torch's own would give, and only where they are wanted."""

import pytest
import torch
from msgspec.structs import replace
from torch.nn import functional as F

from gptcli import processor
from gptcli.architecture import describe
from gptcli.config import ModelConfig
from gptcli.model import products
from gptcli.model.forward import BuildOptions, build
from gptcli.model.gpt import GPT
from gptcli.model.parts.linear import Linear
from gptcli.model.products import Product, Widened

CONFIG = ModelConfig(vocab_size=211, context_length=16, emb_dim=24, n_heads=3, n_layers=3)


def ways_of(model: GPT) -> set[bool]:
    return {isinstance(layer.product, Product) for layer in model.modules() if isinstance(layer, Linear)}


@pytest.mark.parametrize("rows", [1, 2, 7, 33])
@pytest.mark.parametrize("outputs", [48, 53, 7])
@pytest.mark.parametrize("inputs", [40, 41])
@pytest.mark.parametrize("turned", [False, True], ids=["out-in", "in-out"])
@pytest.mark.parametrize("biased", [False, True], ids=["no-bias", "bias"])
def test_equal_to_a_product_in_double_precision(
    rows: int, outputs: int, inputs: int, turned: bool, biased: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = torch.Generator().manual_seed(rows)
    x = torch.rand(1, rows, inputs, generator=draw)
    weight = torch.rand(outputs, inputs, generator=draw)
    weight = weight.t().contiguous().t() if turned else weight
    bias = torch.rand(outputs, generator=draw) if biased else None
    expected = F.linear(x.double(), weight.double(), None if bias is None else bias.double())
    given = (x.clone(), weight.clone())
    names = ("_MANY_ROWS", "_WIDE", "_SLICE", "_LEAST_TURNED")
    settings = tuple(getattr(products, name) for name in names)
    for values, turn in ((settings, False), ((7, 50, 16, 1), False), ((7, 50, 16, 1), True)):
        for name, value in zip(names, values, strict=True):
            monkeypatch.setattr(products, name, value)
        with torch.inference_mode():
            found = Product(weight, turn)(x, weight, bias)
        assert found.shape == expected.shape
        assert found.is_contiguous()
        torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-5)
    assert torch.equal(x, given[0])
    assert torch.equal(weight, given[1])


def test_a_part_of_a_longer_text_is_multiplied_as_it_lies() -> None:
    x, weight = torch.rand(3, 5, 40), torch.rand(53, 40)
    with torch.inference_mode():
        found = Product(weight)(x[:, -1:], weight, None)
        torch.testing.assert_close(found, F.linear(x[:, -1:], weight))


def test_turned_results_come_in_slices_that_fit_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products._space, "numbers", torch.empty(100))
    x, weight, bias = torch.rand(2, 4, 36), torch.rand(27, 36), torch.rand(27)
    out = torch.empty(8, 30)
    for own in (None, bias):
        products.turned(x.view(8, 36), weight, own, out[:, 2:29])  # 12 outputs at a time, 3 at last
        torch.testing.assert_close(out[:, 2:29], F.linear(x, weight, own).view(8, 27))


def test_few_rows_are_turned_where_the_processor_is_not_intels(monkeypatch: pytest.MonkeyPatch) -> None:
    weight, calls = torch.rand(256, 256), []
    monkeypatch.setattr(products, "turned", lambda rows, *_: calls.append(len(rows)))
    with torch.inference_mode():
        for turn in (False, True):
            for rows in (1, 2, 128, 129):
                Product(weight, turn)(torch.rand(1, rows, 256), weight, None)
            Product(weight, turn)(torch.rand(5, 3, 256).transpose(0, 1), weight, None)  # not as it lies
    assert calls == [2, 128]


@pytest.mark.parametrize("biased", [False, True], ids=["no-bias", "bias"])
@pytest.mark.parametrize("outputs", [48, 53])
@pytest.mark.parametrize("turn", [False, True])
def test_experts_multiply_each_run_with_their_own_matrix(
    biased: bool, outputs: int, turn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "_LEAST_TURNED", 1)
    monkeypatch.setattr(products, "_MOST_TURNED", 4)
    draw = torch.Generator().manual_seed(1)
    weight, rows = torch.rand(6, outputs, 40, generator=draw), torch.rand(11, 40, generator=draw)
    bias = torch.rand(6, outputs, generator=draw) if biased else None
    runs = [(0, 0, 1), (2, 1, 5), (3, 5, 6), (5, 6, 11)]
    expected = torch.cat(
        [F.linear(rows[start:end], weight[e], None if bias is None else bias[e]) for e, start, end in runs]
    )
    multiply = products.ExpertProduct(weight, turn)
    with torch.inference_mode():
        torch.testing.assert_close(multiply(rows, weight, bias, runs), expected)
        other = weight.clone()
        torch.testing.assert_close(multiply(rows, other.zero_(), None, runs), torch.zeros(11, outputs))


def test_more_threads_than_parts() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(12)
    try:
        x, weight, bias = torch.rand(1, 1, 36), torch.rand(24, 36), torch.rand(24)
        with torch.inference_mode():
            torch.testing.assert_close(Product(weight)(x, weight, bias), F.linear(x, weight, bias))
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("options", "pieces"),
    [
        (BuildOptions(), True),
        (BuildOptions(attention="explicit"), False),
        (BuildOptions(dropout=True), False),
        (BuildOptions(dtype="bf16"), False),
    ],
    ids=["fused", "explicit", "dropout", "bf16"],
)
def test_only_a_fused_pass_in_fp32_multiplies_in_pieces(options: BuildOptions, pieces: bool) -> None:
    assert ways_of(build(describe(CONFIG), options)) == {pieces and torch.backends.mkl.is_available()}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("rows", [1, 7, 8, 33])
@pytest.mark.parametrize("turned", [False, True], ids=["out-in", "in-out"])
@pytest.mark.parametrize("biased", [False, True], ids=["no-bias", "bias"])
def test_16_bits_are_summed_in_fp32_and_rounded_once(dtype: torch.dtype, rows: int, turned: bool, biased: bool) -> None:
    draw = torch.Generator().manual_seed(rows)
    x, weight, bias = (torch.rand(shape, generator=draw).to(dtype) for shape in ((1, rows, 40), (53, 40), (53,)))
    weight = weight.t().contiguous().t() if turned else weight
    given = bias if biased else None
    expected = F.linear(x.double(), weight.double(), None if given is None else given.double())
    for width in (16, 40, 64):
        with torch.inference_mode():
            found = Widened(width)(x, weight, given)
        assert found.dtype == dtype
        torch.testing.assert_close(found.double(), expected, rtol=torch.finfo(dtype).eps, atol=0)


@pytest.mark.parametrize("lacks", [False, True])
def test_16_bits_are_widened_only_where_there_are_no_instructions(lacks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "lacks_instructions", lambda dtype: lacks and dtype == "bf16")
    for dtype in ("fp32", "bf16", "fp16"):
        model = build(describe(CONFIG), BuildOptions(dtype=dtype))
        head = model.get_submodule("lm_head")
        assert isinstance(head, Linear)
        assert isinstance(head.product, Widened) == (lacks and dtype == "bf16")


def test_gradients_are_those_of_torch() -> None:
    ours, plain = (build(describe(replace(CONFIG, qkv_bias=True)), BuildOptions()) for _ in range(2))
    for layer in plain.modules():
        if isinstance(layer, Linear):
            layer.product = F.linear
    ids = torch.tensor([[1, 2, 3]])
    for model in (ours, plain):
        model(ids).square().sum().backward()
    for mine, theirs in zip(ours.parameters(), plain.parameters(), strict=True):
        assert mine.grad is not None
        assert theirs.grad is not None
        assert torch.equal(mine.grad, theirs.grad)


def test_weights_that_change_after_building_are_seen() -> None:
    model = build(describe(CONFIG), BuildOptions())
    ids = torch.tensor([[1, 2, 3]])
    with torch.inference_mode():
        before = model(ids)
        model.get_parameter("h.0.mlp.c_fc.weight").zero_()
        written = model(ids)
        head = model.get_submodule("lm_head")
        head.weight = torch.nn.Parameter(torch.zeros_like(head.get_parameter("weight")))
        assert not torch.equal(written, before)
        assert not model(ids).any()
