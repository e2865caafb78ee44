"""Our network with the weights of transformers' GPT2LMHeadModel gives its logits."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

from gptcli.architecture import AttentionPath, describe
from gptcli.config import ModelConfig
from gptcli.model.gpt import GPT

pytestmark = pytest.mark.parity

SHAPES: list[Any] = [
    {"vocab_size": 97, "context_length": 16, "emb_dim": 32, "n_heads": 4, "n_layers": 2},
    {"vocab_size": 1000, "context_length": 50, "emb_dim": 60, "n_heads": 3, "n_layers": 1},
    {"vocab_size": 64, "context_length": 33, "emb_dim": 48, "n_heads": 12, "n_layers": 5},
    pytest.param(
        {"vocab_size": 50257, "context_length": 1024, "emb_dim": 768, "n_heads": 12, "n_layers": 12},
        marks=pytest.mark.slow,
    ),
]


def _peer(config: ModelConfig) -> Any:
    torch.manual_seed(7)
    peer = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=config.vocab_size,
            n_positions=config.context_length,
            n_embd=config.emb_dim,
            n_head=config.n_heads,
            n_layer=config.n_layers,
            layer_norm_epsilon=config.norm_eps,
            tie_word_embeddings=config.weight_tying,
            bos_token_id=0,
            eos_token_id=0,
        )
    ).eval()
    with torch.no_grad():  # its own init has zero biases and unit norms, which would hide a misplaced one
        for parameter in peer.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return peer


def _in_our_layout(state: dict[str, Tensor], config: ModelConfig) -> Iterator[tuple[str, Tensor]]:
    """Yield the peer's tensors under our paths; its Conv1D weights are (in, out)."""
    for path, tensor in state.items():
        conv = path.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight"))
        name = path.removeprefix("transformer.")
        if not (name == "lm_head.weight" and config.weight_tying):
            yield name, tensor.t() if conv else tensor


@pytest.mark.parametrize("sizes", SHAPES)
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("attention", ["sdpa", "explicit"])
def test_logits_equal_the_peers(sizes: dict[str, Any], tied: bool, attention: AttentionPath) -> None:
    config = ModelConfig(**sizes, qkv_bias=True, weight_tying=tied)
    peer = _peer(config)
    model = GPT(describe(config, attention)).eval()
    copied = dict(_in_our_layout(peer.state_dict(), config))
    parameters = dict(model.named_parameters())
    assert set(copied) == set(parameters)
    with torch.no_grad():
        for path, tensor in copied.items():
            parameters[path].copy_(tensor)
        ids = torch.randint(config.vocab_size, (2, min(config.context_length, 16)))
        torch.testing.assert_close(model(ids), peer(ids).logits, rtol=0, atol=1e-4)
