"""transformers' GPT2LMHeadModel as a witness: nobody here wrote it, but importing it takes as long as torch."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor, nn

from gptcli.config import ModelConfig
from gptcli.model.witness.witness import Witness, check_witness

_ACTIVATIONS = {"gelu_tanh": "gelu_new", "gelu": "gelu"}


def transformers_witness() -> Witness:
    """Return the witness."""
    source = f"GPT2LMHeadModel of transformers {version('transformers')}"
    return Witness(name="transformers", source=source, layout="huggingface", build=PeerGPT, state=state)


class PeerGPT(nn.Module):
    """GPT2LMHeadModel of a config, which gives logits and nothing else."""

    def __init__(self, config: ModelConfig, device: str, dtype: torch.dtype) -> None:
        super().__init__()
        check_witness("transformers", config)
        from transformers import GPT2Config, GPT2LMHeadModel

        settings: dict[str, Any] = {
            "vocab_size": config.vocab_size,
            "n_positions": config.context_length,
            "n_embd": config.emb_dim,
            "n_head": config.n_heads,
            "n_layer": config.n_layers,
            "layer_norm_epsilon": config.norm_eps,
            "activation_function": _ACTIVATIONS[config.activation],
            "tie_word_embeddings": config.weight_tying,
            "resid_pdrop": config.drop_rate,
            "embd_pdrop": config.drop_rate if config.embedding_drop_rate is None else config.embedding_drop_rate,
            "attn_pdrop": config.drop_rate if config.attention_drop_rate is None else config.attention_drop_rate,
            "bos_token_id": 0,
            "eos_token_id": 0,
            "attn_implementation": "eager",  # the only one whose dropout draws as the explicit steps do
        }
        with torch.device(device):
            self.peer = GPT2LMHeadModel(GPT2Config(**settings))
        self.to(dtype)

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T) -> (B, T, V)."""
        logits: Tensor = self.peer(ids, use_cache=False).logits
        return logits


def state(network: nn.Module) -> Mapping[str, Tensor]:
    """Return the tensors by transformers' own names."""
    return {path.removeprefix("peer."): tensor for path, tensor in network.named_parameters()}
