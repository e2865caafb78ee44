"""What weights take, and what a process takes beside them."""

import pytest
from msgspec.structs import replace

from gptcli.analysis.forward_need import forward_need_bytes
from gptcli.analysis.memory import checked_options, memory_report, optimizer_bytes
from gptcli.analysis.optimizers import STEP_COUNTER_BYTES
from gptcli.analysis.passes import swept
from gptcli.analysis.workload import Workload
from gptcli.architecture import describe
from gptcli.config import ModelConfig, load_config
from gptcli.errors import InputError

# An odd number of parameters, so of half bytes: 41, in 16 tensors.
ODD = ModelConfig(vocab_size=7, context_length=3, emb_dim=1, n_heads=1, n_layers=1)
BLOCK = [1, 1, 3, 1, 1, 1, 1, 4, 4, 4, 1]
PARAMETERS = 7 + 3 + sum(BLOCK) + 2 + 7


@pytest.mark.parametrize(
    ("dtype", "expected"), [("fp32", 41 * 4), ("bf16", 41 * 2), ("fp16", 41 * 2), ("int8", 41), ("int4", 21)]
)
def test_half_a_byte_counts_as_one(dtype: str, expected: int) -> None:
    """In the total, at the peak, and by the formula."""
    assert PARAMETERS == 41
    report = memory_report(describe(ODD), Workload(tokens=2, dtype=dtype), explain=True)
    assert report.weights_bytes == expected
    assert {line.label: line.bytes for line in report.ledger}["Weights"] == expected
    assert report.explanations is not None
    by_name = {line.name: line.value for line in report.explanations}
    assert by_name["Weights"] == by_name["Peak: Weights"] == expected


def test_every_format_is_listed_tied_and_untied() -> None:
    rows = {row.dtype: row for row in memory_report(describe(ODD), Workload(tokens=2)).dtypes}
    expected = {
        "fp32": (32, 164, 136),
        "fp16": (16, 82, 68),
        "bf16": (16, 82, 68),
        "int8": (8, 41, 34),
        "int4": (4, 21, 17),
    }
    assert {name: (row.bits, row.untied_bytes, row.tied_bytes) for name, row in rows.items()} == expected


@pytest.mark.parametrize(("tied", "tensors"), [(False, 16), (True, 15)])
def test_a_tied_head_is_no_tensor_of_its_own(tied: bool, tensors: int) -> None:
    once = 2 + 2 + (not tied)
    assert once + len(BLOCK) == tensors
    network = describe(replace(ODD, weight_tying=tied))
    counters = optimizer_bytes(network, "adam", "fp32") - 2 * optimizer_bytes(network, "sgd-momentum", "fp32")
    assert counters == STEP_COUNTER_BYTES * tensors


@pytest.mark.parametrize("layers", [1, 5])
def test_a_forward_pass_needs_torch_and_its_modules_too(layers: int) -> None:
    """A process that has imported torch 2.13 takes 320 MiB at most, the modules of a block 64 KiB."""
    config, options = replace(ODD, n_layers=layers), Workload(tokens=2)
    beside = forward_need_bytes(describe(config), options) - swept(describe(config), options).peak
    assert beside == 335_544_320 + layers * 65_536


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Workload(tokens=4), "--seq-len 4 is over the context length 3"),
        (Workload(tokens=3, optimizer="lyon"), "unknown optimizer 'lyon' .did you mean 'lion'"),
        (Workload(tokens=3, mode="training", dtype="int8"), "--dtype int8 is for weights at inference"),
        (Workload(tokens=3, dtype="bf16", amp=True), "--amp keeps fp32 masters"),
    ],
)
def test_what_cannot_be_is_refused(options: Workload, message: str) -> None:
    with pytest.raises(InputError, match=message):
        checked_options(ODD, options)
    assert checked_options(ODD, replace(options, tokens=3, optimizer="sgd", mode="inference", amp=False))


@pytest.mark.parametrize(("tokens", "widened"), [(7, 0), (8, 4 * (8 * 8 + 8 * 8 + 8 * 8))])
def test_a_product_in_fp32_is_a_line_of_the_ledger(tokens: int, widened: int) -> None:
    """From eight rows on, for the output head, where the peak is: the rows, C rows of its matrix, and their result."""
    config = ModelConfig(vocab_size=500, context_length=8, emb_dim=8, n_heads=1, n_layers=1)
    options = Workload(tokens=tokens, dtype="bf16", widens=True)
    found = {line.label: line.bytes for line in memory_report(describe(config), options).ledger}
    assert found.get("Widened for the product", 0) == widened
    for other in (replace(options, widens=False), replace(options, dtype="fp32"), replace(options, device="cuda")):
        assert "Widened for the product" not in {line.label for line in memory_report(describe(config), other).ledger}


def test_a_decoding_token_is_one_row() -> None:
    """So nothing is widened for it, however long the prompt was; eight texts are eight rows."""
    config = replace(load_config("tiny", environ={}).config, vocab_size=64)  # the peak lies in the blocks
    options = Workload(tokens=16, mode="generate", dtype="bf16", widens=True)
    for batch, widened in ((1, False), (7, False), (8, True)):
        run = replace(options, batch=batch)
        more = (
            swept(describe(config), run).phases["decode"]
            - swept(describe(config), replace(run, widens=False)).phases["decode"]
        )
        assert (more > 0) == widened


def test_what_parts_keep_beside_parameters_is_a_line_of_the_ledger() -> None:
    """Frequencies of rotation, which lie in the CPU's memory, and a correction for each expert in fp32."""
    sizes = {"vocab_size": 61, "context_length": 16, "emb_dim": 32, "n_heads": 4, "n_layers": 3, "positions": "rotary"}
    longrope = {"rope_scaling": "longrope", "rope_short_factors": "1,1,1,1", "rope_long_factors": "1,2,3,4"}
    for extra, tensors, numbers in (({}, 1, 4), (longrope, 2, 8), ({"positions": "learned"}, 0, 0)):
        network = describe(ModelConfig(**{**sizes, **extra}))  # type: ignore[arg-type]
        lines = {line.label: line for line in memory_report(network, Workload(tokens=8, dtype="bf16")).ledger}
        found = lines.get("Buffers")
        assert (found.tensors, found.bytes) == (tensors, 4 * numbers) if found else not tensors
        on_cuda = memory_report(network, Workload(tokens=8, device="cuda")).ledger
        assert "Buffers" not in {line.label for line in on_cuda}
