"""Optimizers' states and steps: measured to the byte where torch has them, else worked out by hand."""

from typing import Any

import pytest
from msgspec.structs import replace

from gptcli.analysis.formulas import evaluate
from gptcli.analysis.memory import checked_options, ledger, memory_report, optimizer_bytes
from gptcli.analysis.optimizers import OPTIMIZERS, implementation
from gptcli.analysis.passes import swept
from gptcli.analysis.peaks import Peaks
from gptcli.analysis.workload import Workload
from gptcli.api.figures import measured_run
from gptcli.api.verification import refuse_unmeasurable
from gptcli.architecture import describe
from gptcli.config import ModelConfig, load_config
from gptcli.errors import InputError
from gptcli.model.measure import training_step

V, S, C, L = 300, 16, 32, 3
CONFIG = ModelConfig(
    vocab_size=V, context_length=S, emb_dim=C, n_heads=2, n_layers=L, drop_rate=0.1, bias=True, qkv_bias=True
)
OPTIONS = Workload(batch=2, tokens=8, mode="training")
MATRICES = [(3 * C, C), (C, C), (4 * C, C), (C, 4 * C)]
VECTORS = [C, C, 3 * C, C, C, C, 4 * C, C]
TABLES = [(V, C), (S, C), (V, C)]


def measured(options: Workload, *, fake: bool, tied: bool = False, **changes: Any) -> None:
    """Compare state and every phase's peak with a measured step's."""
    network = describe(replace(CONFIG, weight_tying=tied))
    step = training_step(network, replace(measured_run(options, fake=fake), **changes))
    memory = swept(network, options)
    assert optimizer_bytes(network, options.optimizer, options.dtype) == step.optimizer_state
    assert (memory.peak, memory.phases) == (step.peak, step.phases)
    assert sum(line.bytes for line in ledger(memory)) == step.peak


@pytest.mark.parametrize("fake", [False, True], ids=["real", "fake"])
@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16", "amp"])
@pytest.mark.parametrize(
    ("optimizer", "how"),
    [
        *(("muon", how) for how in ("for-loop", "foreach", "fused")),
        *(("adafactor", how) for how in ("for-loop", "foreach")),
    ],
)
def test_an_optimizer_of_torch_is_measured_to_the_byte(optimizer: str, how: str, dtype: str, fake: bool) -> None:
    options = replace(OPTIONS, optimizer=optimizer, optimizer_impl=how)
    options = replace(options, amp=True) if dtype == "amp" else replace(options, dtype=dtype)
    measured(options, fake=fake, tied=dtype == "bf16")


@pytest.mark.parametrize("fake", [False, True], ids=["real", "fake"])
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_lion_is_measured_by_a_reference(dtype: str, fake: bool) -> None:
    options = replace(OPTIONS, optimizer="lion", dtype=dtype)
    measured(options, fake=fake, optimizer="tests.analysis.reference_optimizers.Lion")


def test_muon_takes_the_matrices_of_the_layers_alone() -> None:
    """One momentum each; two averages and a counter of 4 bytes for everything else."""
    hidden = sum(rows * columns for rows, columns in MATRICES)
    others = [*(rows * columns for rows, columns in TABLES), C, C, *L * VECTORS]
    assert optimizer_bytes(describe(CONFIG), "muon", "fp32") == 4 * L * hidden + 8 * sum(others) + 4 * len(others)


def test_adafactor_keeps_rows_and_columns_of_matrices() -> None:
    matrices = [*TABLES, *L * MATRICES]
    vectors = [C, C, *L * VECTORS]
    numbers = sum(rows + columns for rows, columns in matrices) + sum(vectors)
    tensors = len(matrices) + len(vectors)
    assert optimizer_bytes(describe(CONFIG), "adafactor", "bf16") == 2 * numbers + 4 * tensors


def state_in_bytes(numbers: int) -> int:
    """Two moments: a byte a number, and a scale of 4 bytes for every 256 numbers."""
    return 2 * (numbers + 4 * -(-numbers // 256))


@pytest.mark.parametrize("tied", [False, True])
def test_adamw8bit_keeps_bytes_and_scales_of_large_tensors(tied: bool) -> None:
    """Optimizer2State.init_state in bitsandbytes 0.50: from 4,096 numbers on; what is smaller is in fp32, and so are
    embeddings. Two tables of 256 numbers are shared. At 1,025 wide no matrix is a multiple of 256."""
    width, vocabulary = 1025, 7
    config = replace(CONFIG, emb_dim=width, n_heads=1, n_layers=1, vocab_size=vocabulary, weight_tying=tied)
    matrices = [rows * columns // C**2 * width**2 for rows, columns in MATRICES]
    small = [1024 + 1] * 6 + [3 * width] + 2 * [width]  # biases, norms, the final norm
    large = [4 * width, *matrices, *([] if tied else [vocabulary * width])]
    tables = [vocabulary * width, S * width]
    expected = 8 * sum(small) + 8 * sum(tables) + sum(map(state_in_bytes, large)) + 2 * 256 * 4
    assert optimizer_bytes(describe(config), "adamw8bit", "bf16") == expected


def test_adamw8bit_without_a_large_tensor_keeps_no_tables() -> None:
    config = replace(CONFIG, emb_dim=8, n_heads=1, vocab_size=11)
    numbers = optimizer_bytes(describe(config), "sgd-momentum", "fp32") // 4
    assert optimizer_bytes(describe(config), "adamw8bit", "fp32") == 8 * numbers


@pytest.mark.parametrize(("dtype", "copies"), [("fp32", 5), ("bf16", 6)])
def test_a_step_of_adamw8bit(dtype: str, copies: int) -> None:
    """On CUDA its kernels make nothing. On the CPU it computes in fp32: both moments, gradient, root and quotient, of
    16-bit weights a copy too; the head, which is no embedding, is the largest quantized tensor."""
    options = replace(OPTIONS, optimizer="adamw8bit", dtype=dtype)
    config = replace(CONFIG, vocab_size=4096)
    on_cuda = swept(describe(config), replace(options, device="cuda")).phases["optimizer step"]
    without = swept(describe(config), replace(options, device="cuda", optimizer="sgd")).phases["optimizer step"]
    network = describe(config)
    rounded = on_cuda - without - optimizer_bytes(network, "adamw8bit", dtype)
    assert 0 <= rounded < 512 * 2 * 2 * (2 + 2 + 12 * L + 1)
    on_the_cpu = swept(network, options).phases["optimizer step"]
    plain = swept(network, replace(options, optimizer="sgd")).phases["optimizer step"]
    assert on_the_cpu - plain == optimizer_bytes(network, "adamw8bit", dtype) + copies * 4 * 4096 * C


def test_an_optimizer_at_the_size_of_gpt2() -> None:
    """Figures that people can look up: Muon halves what AdamW keeps of the layers, Adafactor keeps next to nothing."""
    network = describe(load_config("gpt2", environ={}).config)
    parameters = 124_439_808
    layers = 12 * 12 * 768 * 768
    assert optimizer_bytes(network, "lion", "fp32") == 4 * parameters
    assert optimizer_bytes(network, "adamw", "fp32") == 8 * parameters + 4 * 148
    assert optimizer_bytes(network, "muon", "fp32") == 8 * parameters - 4 * layers + 4 * (148 - 48)
    assert optimizer_bytes(network, "adafactor", "fp32") < 4 * parameters / 100
    assert 2 * parameters < optimizer_bytes(network, "adamw8bit", "fp32") < 5 * parameters


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_its_formula_gives_the_figure(optimizer: str, device: str) -> None:
    options = replace(OPTIONS, optimizer=optimizer, device=device)
    report = memory_report(describe(CONFIG), options, explain=True)
    assert report.explanations is not None
    for line in report.explanations:
        assert evaluate(line.formula, line.values) == line.value, line.name
    by_name = {line.name: line.value for line in report.explanations}
    assert by_name["Optimizer state"] == report.optimizer_bytes
    for entry in report.ledger:
        assert by_name[f"Peak: {entry.label}"] == entry.bytes


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("how", ["for-loop", "foreach"])
def test_layers_that_are_not_swept_cost_what_the_swept_ones_cost(
    optimizer: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = replace(OPTIONS, optimizer=optimizer, optimizer_impl=how, tokens=1, batch=1)
    network = describe(replace(CONFIG, n_layers=9))
    skipping = swept(network, options)
    monkeypatch.setattr("gptcli.analysis.passes._SWEPT", 100)
    assert swept(network, options).phases == skipping.phases


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_search_over_widths_sees_what_a_sweep_sees(optimizer: str) -> None:
    """Which tensors there are can depend on sizes: what is under 4,096 numbers, which side of a matrix is shorter."""
    peaks, options = Peaks(), replace(OPTIONS, optimizer=optimizer, batch=1, tokens=2)
    for width, vocabulary in [(8, 30), (32, 300), (64, 7), (100, 9000)]:
        network = describe(replace(CONFIG, emb_dim=width, vocab_size=vocabulary))
        assert peaks.peak(network, options) == swept(network, options).peak


@pytest.mark.parametrize(
    ("optimizer", "on_cuda"), [("adamw", "foreach"), ("adafactor", "for-loop"), ("lion", "for-loop")]
)
def test_auto_is_what_the_optimizer_takes(optimizer: str, on_cuda: str) -> None:
    """``adafactor`` in torch/optim/_adafactor.py takes ``_multi_tensor_adafactor`` only where it is told to."""
    assert implementation("auto", "cuda", optimizer) == on_cuda
    assert implementation("auto", "cpu", optimizer) == "for-loop"


@pytest.mark.parametrize(("optimizer", "how"), [("adafactor", "fused"), ("lion", "foreach"), ("adamw8bit", "fused")])
def test_an_implementation_that_there_is_not_is_refused(optimizer: str, how: str) -> None:
    with pytest.raises(InputError, match=f"--optimizer-impl {how}: .* has none; choices are auto, for-loop"):
        checked_options(CONFIG, replace(OPTIONS, optimizer=optimizer, optimizer_impl=how))


def test_what_cannot_be_measured_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gptcli.api.verification.find_spec", lambda _name: None)
    for optimizer, row in OPTIMIZERS.items():
        if row.package == "torch.optim":
            refuse_unmeasurable(optimizer, quick=True)
            continue
        installed = row.package.partition(".")[0].replace("_", "-")
        with pytest.raises(InputError, match=f"--optimizer {optimizer}: .* 'pip install {installed}', or take one of"):
            refuse_unmeasurable(optimizer, quick=False)
    monkeypatch.setattr("gptcli.api.verification.find_spec", lambda _name: "there")
    refuse_unmeasurable("lion", quick=True)
    refuse_unmeasurable("adamw8bit", quick=False)
    with pytest.raises(InputError, match="leave --quick out"):
        refuse_unmeasurable("adamw8bit", quick=True)
