"""CUDA's rules, one by one: what torch's own source says of each, and the figure that follows, worked out by hand.

Where torch has a rule in Python too - the kernels of its meta device are written after CUDA's, and the optimizers
choose in Python - the test asks that rule itself. No expected figure here is computed by gptcli.
"""

from pathlib import Path

import pytest
import torch
from msgspec.structs import replace
from torch import Tensor
from torch.optim.optimizer import _default_to_fused_or_foreach
from torch.utils._foreach_utils import _get_foreach_kernels_supported_devices

from gptcli.analysis.memory import ledger
from gptcli.analysis.optimizers import implementation
from gptcli.analysis.passes import swept
from gptcli.analysis.program import section_of
from gptcli.analysis.sweep import Memory, Sweep
from gptcli.analysis.workload import Workload
from gptcli.architecture import describe
from gptcli.architecture.axes import ONE, C
from gptcli.architecture.books import Amount, Gradient, Kernel
from gptcli.config import ModelConfig

# Every tensor of the stream is a multiple of 512 bytes, so only scalars are rounded up; the vocabulary is so large that
# the peak lies where the loss is computed, when all that forward keeps is alive.
V, S, C_, H, L, B, T = 4096, 128, 128, 2, 2, 4, 128
CONFIG = ModelConfig(
    vocab_size=V, context_length=S, emb_dim=C_, n_heads=H, n_layers=L, drop_rate=0.1, bias=True, qkv_bias=True
)
OPTIONS = Workload(batch=B, tokens=T, mode="training", device="cuda")
STREAM = B * T * C_  # numbers

BLOCK = [C_, C_, 3 * C_ * C_, 3 * C_, C_ * C_, C_, C_, C_, 4 * C_ * C_, 4 * C_, 4 * C_ * C_, C_]
WEIGHTS = [V * C_, S * C_, *L * BLOCK, C_, C_, V * C_]  # numbers in each tensor
P = sum(WEIGHTS)


def lines(config: ModelConfig, options: Workload) -> dict[str, int]:
    """The ledger at the peak: bytes by label."""
    memory = swept(describe(config), options)
    assert memory.peak_phase in ("loss", "backward")
    return {line.label: line.bytes for line in ledger(memory)}


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_a_dropout_mask_is_a_byte_an_element(dtype: str) -> None:
    """``native_dropout_cuda`` in aten/src/ATen/native/cuda/Dropout.cu makes its mask with ``dropout_cuda<bool>``."""
    assert torch.native_dropout(torch.empty(8, device="meta"), 0.1, True)[1].element_size() == 1
    after_embedding, in_a_block = 1, 2
    masks = (after_embedding + L * in_a_block) * STREAM
    assert lines(CONFIG, replace(OPTIONS, dtype=dtype))["Dropout masks"] == masks
    of_attention = L * B * H * T * T
    explicit = lines(CONFIG, replace(OPTIONS, dtype=dtype, attention="explicit"))
    assert explicit["Dropout masks"] == masks + of_attention


@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
def test_layer_norms_statistics_are_in_fp32(dtype: str) -> None:
    """``layer_norm_cuda`` in aten/src/ATen/native/cuda/layer_norm_kernel.cu makes mean and rstd in ``toAccumulateType``
    of its input, which is float for halves; on the CPU they have the input's dtype."""
    half = torch.empty(2, 8, device="meta", dtype=torch.bfloat16)
    _, mean, rstd = torch.native_layer_norm(half, (8,), None, None, 1e-5)
    assert mean.dtype == rstd.dtype == torch.float32
    norms, statistics = 2 * L + 1, 2
    expected = norms * statistics * B * T * 4
    assert lines(CONFIG, replace(OPTIONS, dtype=dtype))["Layer norm statistics"] == expected


@pytest.mark.parametrize(("dtype", "item"), [("fp32", 4), ("bf16", 2)])
def test_attention_with_dropout_stays_fused(dtype: str, item: int) -> None:
    """``check_for_dropout`` stands in aten/src/ATen/native/transformers/sdp_utils_cpp.h, which only the CPU's choice
    asks; CUDA's choice in transformers/cuda/sdp_utils.cpp does not, and its kernels drop while they multiply. They keep
    their output and a log-sum-exp in fp32 for every query of every head."""
    q = torch.empty(B, H, T, C_ // H, device="meta", dtype=torch.bfloat16)
    out, statistics = torch.ops.aten._scaled_dot_product_flash_attention(q, q, q, 0.1, True)[:2]
    assert (out.shape, statistics.shape, statistics.dtype) == (q.shape, (B, H, T), torch.float32)
    found = lines(CONFIG, replace(OPTIONS, dtype=dtype))
    assert found["Scaled dot-product attention"] == L * STREAM * item
    assert found["Attention statistics"] == L * B * H * T * 4
    assert not {"Causal mask", "Query, key, value copies"} & set(found)


def test_the_allocator_rounds_every_tensor_up_to_512_bytes() -> None:
    """``kMinBlockSize`` in c10/core/AllocatorConfig.h; ``round_size`` in CUDACachingAllocator.cpp uses it."""
    header = Path(torch.__file__).parent / "include" / "c10" / "core" / "AllocatorConfig.h"
    if header.exists():  # older torch says it in a source file that no wheel ships
        assert "kMinBlockSize = 512;" in header.read_text(encoding="utf-8")
    odd = ModelConfig(vocab_size=97, context_length=5, emb_dim=6, n_heads=2, n_layers=1)
    tensors = {
        97 * 6 * 4: 2_560,  # token table: 2,328
        5 * 6 * 4: 512,
        6 * 4: 512,
        18 * 6 * 4: 512,
        6 * 6 * 4: 512,
        24 * 6 * 4: 1_024,  # 576
        24 * 4: 512,
    }
    token_table, positions, vector, qkv, projection, wide, bias = tensors.values()
    norms = 3 * 2 * vector
    block = qkv + projection + vector + wide + bias + wide + vector  # no bias on query, key, value
    weights = token_table + positions + norms + block + token_table
    memory = swept(describe(odd), Workload(tokens=5, device="cuda"))
    found = {line.label: line.bytes for line in ledger(memory)}
    assert found["Weights"] == weights
    assert found["Token ids"] == 512
    assert all(line % 512 == 0 for line in found.values())


def test_the_cpu_rounds_nothing() -> None:
    odd = ModelConfig(vocab_size=97, context_length=5, emb_dim=6, n_heads=2, n_layers=1)
    found = {line.label: line.bytes for line in ledger(swept(describe(odd), Workload(tokens=5)))}
    block = 18 * 6 + 6 * 6 + 6 + 24 * 6 + 24 + 24 * 6 + 6
    assert found["Weights"] == 4 * (97 * 6 + 5 * 6 + 3 * 2 * 6 + block + 97 * 6)
    assert found["Token ids"] == 5 * 8


def two_readers(*, viewed: bool) -> Memory:
    """Swept forward and backward: a value x of 512 bytes is read twice, and each reader makes a scalar of it."""
    amount = Amount("Value", (ONE,), 4)
    to_x = Gradient(Amount("Gradient", (C,), 4), "x", viewed=viewed)
    kernels = [
        Kernel(outs=("a",), made=(amount,), reads=("x",), gradients=(to_x,)),
        Kernel(outs=("b",), made=(amount,), reads=("x",), gradients=(to_x,)),
        Kernel(outs=("sum",), made=(amount,), reads=("a", "b")),
    ]
    memory = Memory({"C": 128, "1": 1})
    memory.begin("forward")
    sweep = Sweep(memory)
    _, nodes = sweep.forward(section_of(kernels, "sum"), memory.allocate(to_x.amount), saving=True)
    memory.begin("backward")
    gradients = {"sum": memory.allocate(amount)}
    sweep.backward(nodes, gradients)
    assert list(gradients) == ["x"]
    return memory


def test_two_gradients_of_one_value_are_summed_in_place() -> None:
    """``accumulate`` in torch/csrc/autograd/input_buffer.cpp adds into the first where ``can_accumulate_inplace``: a
    plain dense tensor whose memory nobody else holds, a base of which it is a view included."""
    result, its_gradient, of_x = 4, 4, 512
    own, view = two_readers(viewed=False), two_readers(viewed=True)
    assert own.phases["backward"] == result + its_gradient + 2 * of_x  # the sum is in the first
    assert view.phases["backward"] == result + 3 * of_x  # and here in a third, when the result's is gone
    assert own.live == view.live == result + of_x


@pytest.mark.parametrize("amp", [False, True], ids=["fp32", "amp"])
def test_a_tied_weights_gradients_are_summed(amp: bool) -> None:
    """Where the token table's gradient comes, the head's is there already, and nothing else is as large.

    ``F.linear``'s gradient of a weight is a transposed view of a product, so it is not added to; under autocast the
    gradient of the cast follows, a tensor of its own (``ToCopyBackward0``), and the sum goes into that.
    """
    config = replace(CONFIG, weight_tying=True, n_layers=1, drop_rate=0.0)
    memory = swept(describe(config), replace(OPTIONS, batch=1, tokens=1, optimizer="sgd", amp=amp))
    parameters = 4 * (V * C_ + S * C_ + sum(BLOCK) + 2 * C_)
    ids_and_targets, logits, loss, root = 2 * 512, (2 if amp else 4) * V, 512, 512
    every_gradient, of_the_table, incoming = parameters, 4 * V * C_, 512
    held = parameters + ids_and_targets + logits + loss + root + every_gradient
    expected = held + (of_the_table + incoming if amp else 2 * of_the_table)
    assert memory.phases["backward"] == expected


def test_auto_is_foreach_on_cuda() -> None:
    """``_default_to_fused_or_foreach`` in torch/optim/optimizer.py: all tensors at once where the device has kernels
    for that, fused only where it is asked for."""
    assert "cuda" in _get_foreach_kernels_supported_devices()
    assert "cpu" not in _get_foreach_kernels_supported_devices()
    on_the_cpu: list[Tensor] = [torch.ones(1)]
    assert _default_to_fused_or_foreach(on_the_cpu, differentiable=False) == (False, False)
    assert implementation("auto", "cuda", "adamw") == "foreach"
    assert implementation("auto", "cpu", "adamw") == "for-loop"
    assert implementation("fused", "cuda", "adamw") == "fused"


@pytest.mark.parametrize(
    ("optimizer", "states", "temporaries"), [("adamw", 2, 1), ("sgd-momentum", 1, 0), ("sgd", 0, 0)]
)
def test_an_optimizer_step_on_cuda(optimizer: str, states: int, temporaries: int) -> None:
    """``_multi_tensor_adam`` in torch/optim/adam.py makes one list of denominators, as large as the weights."""
    phases = swept(describe(CONFIG), replace(OPTIONS, optimizer=optimizer)).phases
    counters = len(WEIGHTS) * 512 if optimizer == "adamw" else 0
    ids_and_targets, logits, loss = 2 * 8 * B * T, 4 * B * T * V, 512
    weights_and_gradients = 2 * 4 * P
    expected = weights_and_gradients + (states + temporaries) * 4 * P + counters + ids_and_targets + logits + loss
    assert phases["optimizer step"] == expected
