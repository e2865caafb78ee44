"""FLOPs: the published figures, torch's own counter, and laws that hold for every config."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from gptcli.analysis.flops import Throughput, flops_report, throughput
from gptcli.analysis.formulas import evaluate
from gptcli.architecture import AttentionPath, describe
from gptcli.config import ModelConfig, load_config
from gptcli.errors import InputError
from gptcli.model.forward import ForwardOptions, build
from gptcli.reports.flops import FlopsReport
from tests.strategies import configs

GPT2 = load_config("gpt2-124m", environ={}).config


def test_figures_of_the_124m_model() -> None:
    report = flops_report(describe(GPT2), tokens=1024)
    assert report.linear_flops == 252_993_601_536
    assert report.attention_flops == 38_654_705_664
    assert report.forward_flops == report.prefill_flops == 291_648_307_200
    assert report.causal_forward_flops == 272_339_828_736
    assert report.backward_flops == 583_296_614_400
    assert report.training_flops == 874_944_921_600
    assert report.training_flops_per_token == 854_438_400


def test_conventions_of_the_124m_model() -> None:
    tokens, parameters, outside_the_body = 1024, 163_009_536, 2 * 50257 * 768 + 1024 * 768
    assert flops_report(describe(GPT2), tokens=tokens).conventions == {
        "matmul_full_attention": 874_944_921_600,
        "matmul_causal_exact": 3 * 272_339_828_736,
        "linear_layers": 741_192_192 * tokens,
        "hardware_recompute": 1_087_545_802_752,
        "palm_mfu": (6 * 124_412_160 + 12 * 12 * 768 * tokens) * tokens,
        "nanogpt_mfu": 855_000_576 * tokens,
        "chinchilla": 639_161_597_952,
        "chinchilla_appendix_f": 1_113_446_154_240,
        "six_n": 6 * parameters * tokens,
        "six_n_non_embedding": 6 * (parameters - outside_the_body) * tokens,
        "kaplan": 6 * 84_934_656 * tokens,
        "macs_forward": 145_824_153_600,
    }


def test_nanogpts_own_model() -> None:
    """What nanoGPT's estimate_mfu gives for GPTConfig(bias=False) with the vocabulary of 50,257."""
    model = replace(load_config("gpt2", environ={}).config, bias=False, qkv_bias=False)
    assert flops_report(describe(model), tokens=1024).conventions["nanogpt_mfu"] == 875_062_886_400


@given(config=configs(), batch=st.integers(1, 4), data=st.data())
def test_each_convention_is_its_owners_formula(config: ModelConfig, batch: int, data: st.DataObject) -> None:
    tokens = data.draw(st.integers(1, config.context_length))
    assert flops_report(describe(config), batch=batch, tokens=tokens).conventions == _published(config, batch, tokens)


def _published(config: ModelConfig, batch: int, seq_len: int) -> dict[str, int]:
    """Write each convention as its owner does, from the config alone."""
    layers, d_model, heads, vocabulary = config.n_layers, config.emb_dim, config.n_heads, config.vocab_size
    d_ff, key_size = 4 * d_model, d_model // heads
    tokens = batch * seq_len
    tied_total, head = _parameters_of_a_tied_model(config), vocabulary * d_model
    total = tied_total + (0 if config.weight_tying else head)
    # Kaplan et al. 2020, equation 2.1: N = 2 d_model n_layer (2 d_attn + d_ff).
    kaplan_n = 2 * d_model * layers * (2 * d_model + d_ff)
    # Hoffmann et al. 2022, appendix F, line by line; the backward pass takes twice as much.
    attention = (
        2 * 3 * seq_len * d_model * key_size * heads  # key, query and value projections
        + 2 * seq_len * seq_len * key_size * heads  # key @ query logits
        + 3 * heads * seq_len * seq_len  # softmax
        + 2 * seq_len * seq_len * key_size * heads  # softmax @ query reductions
        + 2 * seq_len * key_size * heads * d_model  # final linear
    )
    dense = 2 * seq_len * (d_model * d_ff + d_model * d_ff)
    embeddings = logits = 2 * seq_len * vocabulary * d_model
    # Narayanan et al. 2021, appendix: forward passes of 24 B s h^2 + 4 B s^2 h a layer and 2 B s h V for the head.
    layer, last = 24 * tokens * d_model**2 + 4 * tokens * seq_len * d_model, 2 * tokens * d_model * vocabulary
    linear = 24 * tokens * layers * d_model**2 + last
    pairs = batch * seq_len * (seq_len + 1) // 2
    return {
        "matmul_full_attention": 3 * (layers * layer + last),
        "matmul_causal_exact": 3 * (linear + 4 * layers * pairs * d_model),
        "linear_layers": 3 * linear,
        "hardware_recompute": 4 * layers * layer + 3 * last,
        # Chowdhery et al. 2022, appendix B: 6N + 12LHQT, of a model whose head is the token table.
        "palm_mfu": (6 * tied_total + 12 * layers * heads * key_size * seq_len) * tokens,
        # nanoGPT, model.py: get_num_params() leaves out the position table; its head is the token table.
        "nanogpt_mfu": (6 * (tied_total - config.context_length * d_model) + 12 * layers * heads * key_size * seq_len)
        * tokens,
        "chinchilla": 3 * batch * layers * (attention + dense),
        "chinchilla_appendix_f": 3 * batch * (embeddings + layers * (attention + dense) + logits),
        "six_n": 6 * total * tokens,
        "six_n_non_embedding": 6 * (tied_total - head - config.context_length * d_model) * tokens,
        "kaplan": 6 * kaplan_n * tokens,
        "macs_forward": (layers * layer + last) // 2,
    }


def _parameters_of_a_tied_model(config: ModelConfig) -> int:
    """Count as the tables of Radford et al. 2019 are to be read: both tables, the blocks, the final norm."""
    c, bias = config.emb_dim, int(config.bias)
    norm = c + bias * c * (config.norm == "layer_norm")
    block = 2 * norm + 12 * c * c + int(config.qkv_bias) * 3 * c + bias * (c + 4 * c + c)
    return config.vocab_size * c + config.context_length * c + config.n_layers * block + norm


@given(
    st.integers(1, 8).map(lambda n: 8 * n),
    st.integers(1, 6),
    st.integers(1, 128),
    st.integers(1, 3),
)
def test_recomputation_is_megatrons_equation_3(width: int, layers: int, tokens: int, batch: int) -> None:
    model = replace(GPT2, emb_dim=width, n_heads=1, n_layers=layers, context_length=128, vocab_size=100)
    equation = (
        96 * batch * tokens * layers * width**2 * (1 + Fraction(tokens, 6 * width) + Fraction(100, 16 * layers * width))
    )
    assert flops_report(describe(model), batch=batch, tokens=tokens).conventions["hardware_recompute"] == equation


@pytest.mark.parametrize(
    ("layers", "width", "heads", "ratio"),
    [
        (10, 640, 10, 1.03),
        (20, 1024, 16, 1.10),
        (24, 1280, 10, 1.08),
        (26, 1792, 14, 1.04),
        (28, 2048, 16, 1.03),
        (40, 3584, 28, 0.99),
    ],
)
def test_chinchillas_table_a4(layers: int, width: int, heads: int, ratio: float) -> None:
    """Hoffmann et al. 2022, table A4: their FLOPs over 6 N D, with 32,000 tokens and sequences of 2,048."""
    model = replace(GPT2, vocab_size=32_000, context_length=2048, n_layers=layers, emb_dim=width, n_heads=heads)
    # Their relative positions have a matrix and two vectors in each layer (Dai et al. 2019).
    layer = 13 * width**2 + (4 * width + 4 * width + width) + 2 * width + 4 * width
    parameters = layers * layer + 2 * width + 32_000 * width
    counted = flops_report(describe(model), tokens=2048).conventions["chinchilla"]
    assert round(counted / (6 * parameters * 2048), 2) == ratio


def _measured(config: ModelConfig, batch: int, tokens: int) -> tuple[int, int]:
    """Return what torch's counter finds in a forward pass, and in one with its backward."""
    model = build(describe(config), ForwardOptions(attention="explicit"))
    ids = torch.zeros(batch, tokens, dtype=torch.long)
    with FlopCounterMode(display=False) as forward, torch.no_grad():
        model(ids)
    with FlopCounterMode(display=False) as training:
        F.cross_entropy(model(ids).flatten(0, 1), ids.flatten()).backward()
    return forward.get_total_flops(), training.get_total_flops()


@settings(max_examples=25, deadline=None)
@given(configs(largest=3), st.integers(1, 3), st.data())
def test_torch_counts_the_same(config: ModelConfig, batch: int, data: st.DataObject) -> None:
    tokens = data.draw(st.integers(1, config.context_length))
    report = flops_report(describe(config, "explicit"), batch=batch, tokens=tokens)
    assert (report.forward_flops, report.training_flops) == _measured(config, batch, tokens)


def test_torch_counts_the_same_for_the_tiny_model() -> None:
    config = load_config("tiny", environ={}).config
    report = flops_report(describe(config, "explicit"), batch=2, tokens=16)
    assert (report.forward_flops, report.training_flops) == _measured(config, 2, 16)


@given(configs(), st.integers(1, 10**6))
def test_flops_are_linear_in_the_layers(config: ModelConfig, layers: int) -> None:
    def forward(n_layers: int) -> int:
        return flops_report(describe(replace(config, n_layers=n_layers)), tokens=config.context_length).forward_flops

    block = forward(2) - forward(1)
    assert block > 0
    assert forward(layers) == forward(1) + (layers - 1) * block


@given(configs(), st.integers(1, 64))
def test_flops_are_linear_in_the_batch(config: ModelConfig, batch: int) -> None:
    one, many = (flops_report(describe(config), batch=n, tokens=config.context_length) for n in (1, batch))
    for name in ("linear_flops", "attention_flops", "causal_forward_flops", "training_flops", "decode_flops"):
        assert getattr(many, name) == batch * getattr(one, name)
    assert many.conventions == {name: batch * number for name, number in one.conventions.items()}
    assert many.training_flops_per_token == one.training_flops_per_token


@settings(max_examples=10, deadline=None)
@given(configs())
def test_decoding_every_token_is_a_causal_exact_pass(config: ModelConfig) -> None:
    reports = [flops_report(describe(config), tokens=tokens) for tokens in range(1, config.context_length + 1)]
    assert sum(report.decode_flops for report in reports) == reports[-1].causal_forward_flops


@pytest.mark.parametrize("attention", ["sdpa", "explicit"])
@given(config=configs())
def test_parts_add_up(attention: AttentionPath, config: ModelConfig) -> None:
    report = flops_report(describe(config, attention), tokens=config.context_length)
    assert sum(part.flops * part.times for part in report.parts) == report.forward_flops
    assert report.linear_flops + report.attention_flops == report.forward_flops


@given(configs(), st.integers(1, 8))
def test_every_formula_gives_the_reported_value(config: ModelConfig, batch: int) -> None:
    report = flops_report(describe(config), batch=batch, tokens=config.context_length, explain=True)
    assert report.explanations is not None
    expected = _reported(report)
    assert {line.name: line.value for line in report.explanations} == expected
    for line in report.explanations:
        assert evaluate(line.formula, line.values) == expected[line.name]
        assert line.unit == "FLOPs"
        assert line.source


def _reported(report: FlopsReport) -> dict[str, int]:
    return {
        "linear": report.linear_flops,
        "attention": report.attention_flops,
        "forward": report.forward_flops,
        "causal": report.causal_forward_flops,
        "backward": report.backward_flops,
        "training": report.training_flops,
        "decode": report.decode_flops,
        **report.conventions,
    }


def test_the_cost_does_not_depend_on_the_layers() -> None:
    few, many = (flops_report(describe(replace(GPT2, n_layers=n)), tokens=1024) for n in (1, 10**6))
    assert len(few.parts) == len(many.parts)


def test_utilization_is_of_the_matrix_products() -> None:
    reached = Throughput(tokens_per_second=100_000, peak_tflops=312)
    report = flops_report(describe(GPT2), batch=4, tokens=1024, reached=reached)
    assert report.mfu == pytest.approx(100_000 * 854_438_400 / 312e12, rel=1e-15)
    assert report.utilization == pytest.approx(
        {name: 100_000 * number / (4 * 1024) / 312e12 for name, number in report.conventions.items()}, rel=1e-15
    )


def test_the_lectures_utilization_is_of_its_linear_layers() -> None:
    """The notebook on performance says 0.5948 at 62,568.34 tokens/s of an A100 with 77.97 TFLOPS in TF32."""
    reached = Throughput(tokens_per_second=62_568.34, peak_tflops=77.97)
    report = flops_report(describe(load_config("gpt2", environ={}).config), batch=24, tokens=1024, reached=reached)
    assert report.utilization is not None
    assert round(report.utilization["linear_layers"], 4) == 0.5948


@given(configs(), st.integers(1, 3))
def test_utilization_does_not_depend_on_a_table_that_is_looked_up(config: ModelConfig, batch: int) -> None:
    reached = Throughput(tokens_per_second=1000, peak_tflops=1)
    untied, tied = (
        flops_report(
            describe(replace(config, weight_tying=tying)), batch=batch, tokens=config.context_length, reached=reached
        )
        for tying in (False, True)
    )
    assert untied.mfu == tied.mfu
    assert untied.utilization is not None
    assert tied.utilization is not None
    for name in untied.utilization.keys() - {"six_n"}:  # which counts all parameters, whatever they do
        assert untied.utilization[name] == tied.utilization[name], name


def test_figures_too_far_apart_for_a_quotient_are_refused() -> None:
    with pytest.raises(InputError, match=r"--tokens-per-second 1e\+300 is too much for --peak-tflops 1e-300"):
        flops_report(describe(GPT2), tokens=1024, reached=Throughput(tokens_per_second=1e300, peak_tflops=1e-300))


def test_utilization_needs_both_figures() -> None:
    assert throughput(None, None) is None
    with pytest.raises(InputError, match=r"--tokens-per-second alone.*--peak-tflops"):
        throughput(1.0, None)
    with pytest.raises(InputError, match=r"--peak-tflops alone.*--tokens-per-second"):
        throughput(None, 1.0)


@pytest.mark.parametrize("figure", [0.0, -1.0, float("nan"), float("inf")])
def test_utilization_needs_real_figures(figure: float) -> None:
    with pytest.raises(InputError, match=r"--peak-tflops .* is not a number above zero"):
        throughput(1.0, figure)


def test_a_sequence_over_the_context_is_counted_with_a_note() -> None:
    """As of a network with a longer table: a lookup is no product."""
    report, longer = (
        flops_report(describe(config), tokens=1025) for config in (GPT2, replace(GPT2, context_length=1025))
    )
    assert (report.forward_flops, report.decode_flops) == (longer.forward_flops, longer.decode_flops)
    assert longer.notes == flops_report(describe(GPT2), tokens=1024).notes == []
    assert report.notes == [
        "--seq-len 1,025 is over the context length 1,024 of gpt2-124m: a table of 1,024 positions has none for the "
        "rest of 1,025 tokens, so the network cannot read them at once; what is counted is arithmetic. "
        "--set context_length=1025 counts a longer table"
    ]
    (note,) = flops_report(describe(replace(GPT2, positions="rotary")), tokens=1025).notes
    assert note.endswith("of gpt2-124m; the network reads them all, which it may not have learned")
