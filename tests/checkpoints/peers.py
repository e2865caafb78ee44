"""Checkpoints as their own programs write them, with random weights that look trained: no norm is at 1 and 0."""

import logging
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tests.naive import NaiveGPT
from tests.naive_nanogpt import NanoGPT

SHAPES: tuple[dict[str, int], ...] = (
    {"vocab_size": 97, "context_length": 16, "emb_dim": 64, "n_heads": 1, "n_layers": 2},
    {"vocab_size": 60, "context_length": 24, "emb_dim": 48, "n_heads": 4, "n_layers": 3},
    {"vocab_size": 300, "context_length": 8, "emb_dim": 128, "n_heads": 2, "n_layers": 1},
)
IDS = torch.tensor([[5, 17, 2, 44, 8, 1], [59, 3, 3, 7, 20, 41]])


def shake(model: nn.Module, seed: int = 7) -> None:
    """Draw every parameter, so that nothing looks initialised; a key's bias stays zero, as in training."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(1 + 0.1 * noise if parameter.ndim == 1 and "weight" in name else 0.15 * noise)
            if name.endswith("c_attn.bias"):
                width = parameter.numel() // 3
                parameter[width : 2 * width] = 0


def logits_of(model: nn.Module) -> Tensor:
    with torch.no_grad():
        out = model.eval()(IDS)
    logits: Tensor = out.logits if hasattr(out, "logits") else out
    return logits


def hugging_face(sizes: dict[str, int], *, tied: bool = True, **more: Any) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    logging.getLogger("transformers").setLevel(logging.ERROR)
    config = GPT2Config(
        vocab_size=sizes["vocab_size"],
        n_positions=sizes["context_length"],
        n_embd=sizes["emb_dim"],
        n_head=sizes["n_heads"],
        n_layer=sizes["n_layers"],
        tie_word_embeddings=tied,
        bos_token_id=0,
        eos_token_id=0,
        **more,
    )
    model = GPT2LMHeadModel(config)
    shake(model)
    return model


def lecture(sizes: dict[str, int], *, qkv_bias: bool = False) -> NaiveGPT:
    model = NaiveGPT({**sizes, "drop_rate": 0.0, "qkv_bias": qkv_bias, "weight_tying": False})
    shake(model)
    return model


def nanogpt_args(sizes: dict[str, int], *, bias: bool = True) -> dict[str, Any]:
    return {
        "n_layer": sizes["n_layers"],
        "n_head": sizes["n_heads"],
        "n_embd": sizes["emb_dim"],
        "block_size": sizes["context_length"],
        "bias": bias,
        "vocab_size": sizes["vocab_size"],
        "dropout": 0.0,
    }


def nanogpt(sizes: dict[str, int], *, bias: bool = True) -> NanoGPT:
    model = NanoGPT(nanogpt_args(sizes, bias=bias))
    shake(model)
    return model


def save_nanogpt(model: NanoGPT, args: dict[str, Any], path: Path, *, compiled: bool = True) -> Path:
    """Save as nanoGPT's train.py does: the optimizer beside the model, and torch.compile's prefix."""
    prefix = "_orig_mod." if compiled else ""
    optimizer = torch.optim.AdamW(model.parameters())
    model(IDS).sum().backward()
    optimizer.step()
    shake(model)
    checkpoint = {
        "model": {prefix + name: value for name, value in model.state_dict().items()},
        "optimizer": optimizer.state_dict(),
        "model_args": args,
        "iter_num": 10,
        "best_val_loss": torch.tensor(3.2),
        "config": {"dataset": "shakespeare", "batch_size": 12},
    }
    torch.save(checkpoint, path)
    return path
