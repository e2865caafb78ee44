"""The description, spelled out a second time: every step, what it reads, its shape; every weight; every formula."""

import pytest
from msgspec.structs import replace

from gptcli.api.witness import witness_checks
from gptcli.architecture import AttentionPath, describe, each_weight, sizes_of, steps, walk, weights
from gptcli.architecture.axes import (
    ONE,
    B,
    C,
    D,
    Dim,
    G,
    H,
    K,
    L,
    T,
    V,
    bound,
    elements,
    number,
    plain,
    shape_sizes,
    size,
)
from gptcli.architecture.listing import Weight, output_shape, parts_of
from gptcli.architecture.parts.linear import Linear
from gptcli.architecture.roles import QUERY_KEY_VALUE, TO_RESIDUAL
from gptcli.config import ModelConfig
from gptcli.model.witness import witness_named

CONFIG = ModelConfig(
    vocab_size=97, context_length=11, emb_dim=12, n_heads=3, n_layers=2, drop_rate=0.1, bias=True, qkv_bias=True
)
BARE = replace(CONFIG, bias=False, qkv_bias=False, weight_tying=True, activation="gelu")

# Path, what it reads, shape, kind, label; of the block the second, so that what it reads is the first's output.
EXPLICIT = [
    ("wte", ("ids",), "(B, T, C)", "embedding", "Token embedding"),
    ("wpe", ("positions",), "(T, C)", "embedding", "Positional embedding"),
    ("embed", ("wte", "wpe"), "(B, T, C)", "add", "Token + positional embedding"),
    ("drop", ("embed",), "(B, T, C)", "dropout", "Dropout"),
    ("h.1.ln_1", ("h.0.add_2",), "(B, T, C)", "layer_norm", "Layer norm 1"),
    ("h.1.attn.c_attn", ("h.1.ln_1",), "(B, T, 3C)", "linear", "Query, key, value"),
    ("h.1.attn.heads", ("h.1.attn.c_attn",), "(3, B, H, T, D)", "split_heads", "Split into heads"),
    ("h.1.attn.scores", ("h.1.attn.heads",), "(B, H, T, T)", "attention_scores", "Attention scores"),
    ("h.1.attn.mask", ("h.1.attn.scores",), "(B, H, T, T)", "causal_mask", "Causal mask"),
    ("h.1.attn.softmax", ("h.1.attn.mask",), "(B, H, T, T)", "softmax", "Softmax"),
    ("h.1.attn.drop", ("h.1.attn.softmax",), "(B, H, T, T)", "dropout", "Dropout"),
    ("h.1.attn.mix", ("h.1.attn.drop", "h.1.attn.heads"), "(B, T, C)", "weighted_sum", "Weighted sum of values"),
    ("h.1.attn.c_proj", ("h.1.attn.mix",), "(B, T, C)", "linear", "Output projection"),
    ("h.1.attn", ("h.1.ln_1",), "(B, T, C)", "attention", "Masked multi-head attention"),
    ("h.1.drop_1", ("h.1.attn",), "(B, T, C)", "dropout", "Dropout"),
    ("h.1.add_1", ("h.0.add_2", "h.1.drop_1"), "(B, T, C)", "add", "Shortcut connection"),
    ("h.1.ln_2", ("h.1.add_1",), "(B, T, C)", "layer_norm", "Layer norm 2"),
    ("h.1.mlp.c_fc", ("h.1.ln_2",), "(B, T, F)", "linear", "Expand"),
    ("h.1.mlp.act", ("h.1.mlp.c_fc",), "(B, T, F)", "gelu", "GELU"),
    ("h.1.mlp.c_proj", ("h.1.mlp.act",), "(B, T, C)", "linear", "Project back"),
    ("h.1.mlp", ("h.1.ln_2",), "(B, T, C)", "feed_forward", "Feed forward"),
    ("h.1.drop_2", ("h.1.mlp",), "(B, T, C)", "dropout", "Dropout"),
    ("h.1.add_2", ("h.1.add_1", "h.1.drop_2"), "(B, T, C)", "add", "Shortcut connection"),
    ("ln_f", ("h.1.add_2",), "(B, T, C)", "layer_norm", "Final layer norm"),
    ("lm_head", ("ln_f",), "(B, T, V)", "linear", "Output head"),
]
ONLY_EXPLICIT = {"h.1.attn.scores", "h.1.attn.mask", "h.1.attn.softmax", "h.1.attn.drop"}
FUSED = (
    "h.1.attn.mix",
    ("h.1.attn.heads",),
    "(B, T, C)",
    "scaled_dot_product_attention",
    "Scaled dot-product attention",
)


def shape_text(shape: tuple[Dim, ...]) -> str:
    """``(B, T, 3C)``: a shape in symbols."""
    return f"({', '.join(map(str, shape))})"


@pytest.mark.parametrize("attention", ["explicit", "sdpa"])
def test_every_step(attention: AttentionPath) -> None:
    listed = steps(describe(CONFIG, attention), sizes_of(CONFIG, 2, 5))
    found = [
        (step.path, step.reads, shape_text(step.shape), step.kind, step.label) for step in listed if step.block != 0
    ]
    expected = EXPLICIT
    if attention == "sdpa":
        expected = [FUSED if row[0] == FUSED[0] else row for row in EXPLICIT if row[0] not in ONLY_EXPLICIT]
    assert found == expected
    first = {step.path: step.reads for step in listed if step.block == 0}
    assert (first["h.0.ln_1"], first["h.0.add_1"]) == (("drop",), ("drop", "h.0.drop_1"))
    assert [step.path for step in listed if step.group] == ["h.0.attn", "h.0.mlp", "h.1.attn", "h.1.mlp"]


WEIGHTS = {
    "wte.weight": (97, 12),
    "wpe.weight": (11, 12),
    "h.{i}.ln_1.weight": (12,),
    "h.{i}.ln_1.bias": (12,),
    "h.{i}.attn.c_attn.weight": (36, 12),
    "h.{i}.attn.c_attn.bias": (36,),
    "h.{i}.attn.c_proj.weight": (12, 12),
    "h.{i}.attn.c_proj.bias": (12,),
    "h.{i}.ln_2.weight": (12,),
    "h.{i}.ln_2.bias": (12,),
    "h.{i}.mlp.c_fc.weight": (48, 12),
    "h.{i}.mlp.c_fc.bias": (48,),
    "h.{i}.mlp.c_proj.weight": (12, 48),
    "h.{i}.mlp.c_proj.bias": (12,),
    "ln_f.weight": (12,),
    "ln_f.bias": (12,),
    "lm_head.weight": (97, 12),
}


def test_every_weight() -> None:
    sizes = sizes_of(CONFIG)
    listed = weights(describe(CONFIG))
    assert {weight.path: shape_sizes(weight.shape, sizes) for weight in listed} == WEIGHTS
    assert {weight.path: weight.times for weight in listed} == {path: L if "{i}" in path else None for path in WEIGHTS}
    block = 12 + 12 + 36 * 12 + 36 + 12 * 12 + 12 + 12 + 12 + 48 * 12 + 48 + 12 * 48 + 12
    assert sum(weight.total(sizes) for weight in listed) == 97 * 12 + 11 * 12 + 2 * block + 12 + 12 + 97 * 12
    repeated = [path for path in WEIGHTS if "{i}" in path]
    in_order = [*WEIGHTS][:2] + [path.replace("{i}", str(i)) for i in (0, 1) for path in repeated] + [*WEIGHTS][-3:]
    assert [weight.path for weight in each_weight(describe(CONFIG), sizes)] == in_order


def test_without_biases_and_with_a_tied_head() -> None:
    listed = {weight.path: weight for weight in weights(describe(BARE))}
    assert set(listed) == {path for path in WEIGHTS if not path.endswith(".bias")}
    assert {path: weight.tied_to for path, weight in listed.items() if weight.tied_to} == {
        "lm_head.weight": "wte.weight"
    }
    sizes = sizes_of(BARE)
    head = listed["lm_head.weight"]
    assert (head.count(sizes), head.total(sizes), elements(head.shape, sizes)) == (0, 0, 97 * 12)
    only_qkv = {weight.path for weight in weights(describe(replace(CONFIG, qkv_bias=False)))}
    assert set(WEIGHTS) - only_qkv == {"h.{i}.attn.c_attn.bias"}


FORMULAS = {
    "wte": "weight[ids]",
    "wpe": "weight[positions]",
    "embed": "wte + wpe",
    "drop": "x; in training dropout(x, 0.1)",
    "h.{i}.ln_1": "(x - mean(x)) / sqrt(var(x) + 1e-05) * weight + bias",
    "h.{i}.attn": "c_proj(softmax(mask(q @ k.T / sqrt(D))) @ v)",
    "h.{i}.attn.c_attn": "x @ weight.T + bias",
    "h.{i}.attn.heads": "q, k, v of every head",
    "h.{i}.attn.scores": "q @ k.T / sqrt(D)",
    "h.{i}.attn.mask": "-inf where the key comes after the query, else x",
    "h.{i}.attn.softmax": "exp(x) / sum(exp(x)), over the keys",
    "h.{i}.attn.drop": "x; in training dropout(x, 0.1)",
    "h.{i}.attn.mix": "drop @ v, heads side by side",
    "h.{i}.attn.c_proj": "x @ weight.T + bias",
    "h.{i}.drop_1": "x; in training dropout(x, 0.1)",
    "h.{i}.add_1": "x + drop_1",
    "h.{i}.ln_2": "(x - mean(x)) / sqrt(var(x) + 1e-05) * weight + bias",
    "h.{i}.mlp": "c_proj(act(c_fc(x)))",
    "h.{i}.mlp.c_fc": "x @ weight.T + bias",
    "h.{i}.mlp.act": "x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))",
    "h.{i}.mlp.c_proj": "x @ weight.T + bias",
    "h.{i}.drop_2": "x; in training dropout(x, 0.1)",
    "h.{i}.add_2": "add_1 + drop_2",
    "ln_f": "(x - mean(x)) / sqrt(var(x) + 1e-05) * weight + bias",
    "lm_head": "x @ weight.T",
}


def test_every_formula() -> None:
    nodes = {each.path: each.node for each in walk(describe(CONFIG)) if each.path and each.path != "h.{i}"}
    assert {path: node.formula() for path, node in nodes.items()} == FORMULAS
    bare = {each.path: each.node for each in walk(describe(BARE, "sdpa")) if each.path}
    assert bare["h.{i}.attn.mix"].formula() == "softmax(mask(q @ k.T / sqrt(D))) @ v, heads side by side"
    assert bare["h.{i}.mlp.act"].formula() == "x / 2 * (1 + erf(x / sqrt(2)))"
    assert bare["h.{i}.mlp.c_fc"].formula() == "x @ weight.T"
    assert bare["h.{i}.ln_1"].formula() == "(x - mean(x)) / sqrt(var(x) + 1e-05) * weight"
    assert bare["lm_head"].formula() == "x @ wte.weight.T"


def test_a_kind_without_a_formula_raises() -> None:
    nodes = {each.path: each.node for each in walk(describe(CONFIG))}
    for without in ("", "h.{i}"):  # the network and its block are no step
        with pytest.raises(NotImplementedError):
            nodes[without].formula()


PRODUCTS = {  # FLOPs for 2 texts of 5 tokens: 2 a multiply-add
    "h.{i}.attn.c_attn": 2 * 2 * 5 * 12 * 36,
    "h.{i}.attn.scores": 2 * 2 * 5 * 5 * 12,
    "h.{i}.attn.mix": 2 * 2 * 5 * 5 * 12,
    "h.{i}.attn.c_proj": 2 * 2 * 5 * 12 * 12,
    "h.{i}.mlp.c_fc": 2 * 2 * 5 * 12 * 48,
    "h.{i}.mlp.c_proj": 2 * 2 * 5 * 48 * 12,
    "lm_head": 2 * 2 * 5 * 12 * 97,
}


@pytest.mark.parametrize("attention", ["explicit", "sdpa"])
def test_every_matrix_product(attention: AttentionPath) -> None:
    sizes = sizes_of(CONFIG, 2, 5)
    nodes = [(found.path, part) for found, part in parts_of(describe(CONFIG, attention))]
    found = {path: sum(product.flops(sizes) for product in part.products()) for path, part in nodes}
    expected = PRODUCTS
    if attention == "sdpa":
        both = PRODUCTS["h.{i}.attn.scores"] + PRODUCTS["h.{i}.attn.mix"]
        expected = {path: flops for path, flops in PRODUCTS.items() if not path.endswith("scores")}
        expected["h.{i}.attn.mix"] = both
    assert {path: flops for path, flops in found.items() if flops} == expected


def test_what_is_drawn_smaller_and_what_is_fused() -> None:
    """GPT-2 draws what is added to the residual stream with a smaller deviation (Radford et al. 2019, section 2.3)."""
    linear = {found.path: part for found, part in parts_of(describe(CONFIG)) if isinstance(part, Linear)}
    small = {path for path, part in linear.items() if part.role == TO_RESIDUAL}
    assert small == {"h.{i}.attn.c_proj", "h.{i}.mlp.c_proj"}
    stacked = {path: part.outputs for path, part in linear.items() if len(part.outputs) > 1}
    assert stacked == {"h.{i}.attn.c_attn": (H * D, G * D, G * D)}
    assert linear["h.{i}.attn.c_attn"].role == QUERY_KEY_VALUE


@pytest.mark.parametrize("config", [CONFIG, BARE], ids=["biased", "bare"])
@pytest.mark.parametrize("attention", ["explicit", "sdpa"])
def test_the_described_network_is_the_witnesss(config: ModelConfig, attention: AttentionPath) -> None:
    """A network written from the papers alone has the same weights and, with them, the same logits."""
    assert all(check.ok for check in witness_checks(describe(config), attention, witness_named("plain")))


def test_sizes() -> None:
    sizes = sizes_of(CONFIG)
    assert sizes == {"C": 12, "H": 3, "D": 4, "F": 48, "V": 97, "L": 2, "S": 11, "G": 3}
    assert sizes_of(CONFIG, 7, 5) == {**sizes, "B": 7, "T": 5}
    assert size(3 * C, sizes) == 36
    assert shape_sizes((number(3), V), sizes) == (3, 97)
    assert elements((3 * C, C), sizes) == 432
    assert elements((), sizes) == 1


def test_dimensions_in_words() -> None:
    assert [str(dim) for dim in (C, 3 * C, ONE, 3 * ONE, K)] == ["C", "3C", "1", "3", "K"]
    assert [str(dim) for dim in (H * D, H * D + 2 * (G * D), C + V, C + number(1))] == [
        "HD",
        "(H + 2G)D",
        "C + V",
        "C + 1",
    ]
    assert Dim(((6, ("C",)),)) == 2 * (3 * C)
    assert C + C == 2 * C


def test_people_read_the_width_where_the_heads_make_it_up() -> None:
    shared, wide = {"H": 4, "G": 2, "D": 3, "C": 12}, {"H": 4, "G": 4, "D": 5, "C": 12}
    whole = {"H": 4, "G": 4, "D": 3, "C": 12}
    fused = (H * D + 2 * (G * D), H * D, G * D, G)
    assert [str(dim) for dim in plain(fused, whole)] == ["3C", "C", "C", "H"]
    assert [str(dim) for dim in plain(fused, shared)] == ["C + 2GD", "C", "GD", "G"]
    assert [str(dim) for dim in plain(fused, wide)] == ["3HD", "HD", "HD", "H"]
    for sizes in (shared, wide, whole):
        assert shape_sizes(plain(fused, sizes), sizes) == shape_sizes(fused, sizes)


def test_sizes_of_one_layer_are_numbers() -> None:
    assert [str(dim) for dim in bound((B, T, 2 * (H * D)), {"D": 5})] == ["B", "T", "10H"]


def test_a_weight_counts_once_a_block() -> None:
    sizes = sizes_of(CONFIG)
    assert Weight("a", (C, C)).total(sizes) == 144
    assert Weight("h.{i}.a", (C, C), None, L).total(sizes) == 288
    assert Weight("a", (C, C), "b").total(sizes) == 0


def test_a_groups_shape_is_its_last_parts() -> None:
    network = describe(CONFIG)
    assert shape_text(output_shape(network)) == "(B, T, V)"
    assert shape_text(output_shape(next(network.stack.layers()).body)) == "(B, T, C)"
