"""Our network against the lecture's own code: the same seed gives the same tensors and the same logits."""

from typing import Any

import pytest
import torch
from msgspec.structs import asdict
from torch import nn

from gptcli.architecture import AttentionPath, describe
from gptcli.config import ModelConfig, load_config
from gptcli.model.forward import ForwardOptions, build
from tests.naive import NaiveGPT, NaiveLayerNorm, as_ours

pytestmark = pytest.mark.parity

SMALL = {"vocab_size": 101, "context_length": 24, "emb_dim": 24, "n_heads": 3, "n_layers": 3, "drop_rate": 0.1}
ODD = {"vocab_size": 257, "context_length": 40, "emb_dim": 40, "n_heads": 5, "n_layers": 2, "drop_rate": 0.3}
TINY = asdict(load_config("tiny", environ={}).config)
IDS = torch.tensor([[5, 17, 3, 99, 0, 1, 2], [7, 7, 7, 8, 9, 10, 11]])


# A tied head has weights of deviation 1 and logits in the tens, so rounding is measured against the largest logit:
# eight times the 2**-23 that fp32 resolves.
_ROUNDING = 8 * torch.finfo(torch.float32).eps


def _assert_equal_to_rounding(logits: torch.Tensor, expected: torch.Tensor) -> None:
    atol = _ROUNDING * max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(logits, expected, rtol=0, atol=atol)


def _pair(
    sizes: dict[str, Any], *, tied: bool, bias: bool, dropout: bool, attention: AttentionPath, seed: int = 123
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor], torch.Tensor, torch.Tensor]:
    config = ModelConfig(**(sizes | {"qkv_bias": bias, "weight_tying": tied}))
    torch.manual_seed(seed)
    naive = NaiveGPT(asdict(config)).train(dropout)
    with torch.no_grad():
        expected = naive(IDS)
    ours = build(describe(config), ForwardOptions(seed=seed, dropout=dropout, attention=attention))
    with torch.no_grad():
        logits = ours(IDS)
    return as_ours(naive), dict(ours.named_parameters()), expected, logits


@pytest.mark.parametrize("sizes", [SMALL, ODD, TINY], ids=["small", "odd", "tiny"])
@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize("bias", [False, True], ids=["no-bias", "bias"])
@pytest.mark.parametrize("attention", ["sdpa", "explicit"])
@pytest.mark.parametrize("dropout", [False, True], ids=["eval", "dropout"])
def test_same_seed_same_tensors_same_logits(
    sizes: dict[str, Any], tied: bool, bias: bool, attention: AttentionPath, dropout: bool
) -> None:
    theirs, ours, expected, logits = _pair(sizes, tied=tied, bias=bias, dropout=dropout, attention=attention)
    for path, tensor in ours.items():
        assert torch.equal(tensor, theirs[path]), path
    assert set(theirs) - set(ours) == ({"lm_head.weight"} if tied else set())
    _assert_equal_to_rounding(logits, expected)


@pytest.mark.slow
@pytest.mark.parametrize("dropout", [False, True], ids=["eval", "dropout"])
def test_the_124m_model_of_the_lecture(dropout: bool) -> None:
    sizes = asdict(load_config("gpt2-124m", environ={}).config)
    theirs, ours, expected, logits = _pair(sizes, tied=False, bias=False, dropout=dropout, attention="sdpa")
    assert all(torch.equal(tensor, theirs[path]) for path, tensor in ours.items())
    _assert_equal_to_rounding(logits, expected)


class NaiveRMSNorm(nn.RMSNorm):
    """torch's own module; the naive network's layer norms go by other names."""

    scale = property(lambda self: self.weight)
    shift = None


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize("eps", [1e-5, 1e-2])
def test_with_torchs_own_rms_norm(tied: bool, eps: float) -> None:
    sizes: dict[str, Any] = SMALL | {"weight_tying": tied, "norm": "rms_norm", "norm_eps": eps}
    config = ModelConfig(**sizes)
    torch.manual_seed(123)
    naive = NaiveGPT(asdict(config)).eval()  # a norm draws nothing, so the rest is drawn as ours
    for module in list(naive.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, NaiveLayerNorm):
                setattr(module, name, NaiveRMSNorm(config.emb_dim, eps=eps))
    ours = build(describe(config), ForwardOptions(seed=123))
    expected_tensors = {path: tensor for path, tensor in as_ours(naive).items() if tensor is not None}
    for path, tensor in ours.named_parameters():
        assert torch.equal(tensor, expected_tensors[path]), path
    generator = torch.Generator().manual_seed(7)
    for path, tensor in ours.named_parameters():  # weights of one would hide that they are not applied
        if ".ln_" in f".{path}":
            numbers = torch.rand(tensor.shape, generator=generator)
            tensor.data.copy_(numbers)
            expected_tensors[path].data.copy_(numbers)
    with torch.no_grad():
        _assert_equal_to_rounding(ours(IDS), naive(IDS))


def test_another_seed_gives_other_weights() -> None:
    options = {"tied": False, "bias": False, "dropout": False}
    one = _pair(SMALL, **options, attention="sdpa", seed=1)[3]
    two = _pair(SMALL, **options, attention="sdpa", seed=2)[3]
    assert not torch.allclose(one, two)
