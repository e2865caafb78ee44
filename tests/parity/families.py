"""Small transformers models of every family, with random weights that hide nothing, as ``save_pretrained`` writes."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from msgspec.structs import replace
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM

from gptcli.api.weights import load_weights
from gptcli.architecture import AttentionPath
from gptcli.checkpoints import Recognised
from gptcli.model.gpt import GPT
from gptcli.model.load import load_model

DATA = Path(__file__).parents[1] / "data" / "decoders"
FAMILIES = sorted(path.stem.removesuffix("-a") for path in DATA.glob("*-a.json"))
_NOT_SETTINGS = ("model_type", "dtype", "torch_dtype", "architectures")


def config_of(family: str, **changed: Any) -> Any:
    """Return the config of a family's small model."""
    said = json.loads((DATA / f"{family}-a.json").read_text())["config"]
    kept = {key: value for key, value in said.items() if key not in (*_NOT_SETTINGS, *_implied(changed))}
    return AutoConfig.for_model(said["model_type"], **{**kept, **changed})


def _implied(changed: dict[str, Any]) -> tuple[str, ...]:
    """Return keys that transformers works out of those that are changed."""
    windowed = {"sliding_window", "use_sliding_window", "num_hidden_layers"} & set(changed)
    return ("layer_types",) if windowed else ()


class Draw(NamedTuple):
    """Deviations that random weights are drawn with.

    Attributes:
        table: of embeddings.
        gain: of matrices, times the root of their inputs.
        spread: of norms.
        shift: of biases.
        seed: of all.
    """

    table: float
    gain: float
    spread: float = 0.1
    shift: float = 0.1
    seed: int = 1


# At transformers' own deviation of 0.02 most families go on with one or two tokens. None of these suits all; matrices
# of a larger gain do, but then the rounding of fp32 alone comes near to what is tolerated.
LARGE = Draw(table=1.0, gain=1.5)
LIVELY = [
    *(Draw(table, gain=3.0, seed=seed) for seed in (1, 2, 3) for table in (0.03, 0.3)),
    *(LARGE._replace(seed=seed) for seed in (1, 2, 3)),
    Draw(table=0.1, gain=5.0),
]
# Embeddings and biases so small that what a norm adds under its root counts.
SMALL_INPUTS = Draw(table=0.003, gain=1.5, shift=0.003)


def peer_of(config: Any, draw: Draw = LIVELY[0]) -> Any:
    """Return a model with every parameter, and every buffer that training sets, drawn at random."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager", experts_implementation="eager")
    model = model.float().eval()
    numbers = torch.Generator().manual_seed(draw.seed)
    tables = {id(module.weight) for module in model.modules() if isinstance(module, torch.nn.Embedding)}
    corrections = [(name, value) for name, value in model.named_buffers() if "correction" in name]
    with torch.no_grad():
        for name, value in [*model.named_parameters(), *corrections]:
            if id(value) in tables:
                value.normal_(0.0, draw.table, generator=numbers)
            elif name.endswith("bias") and "correction" not in name:
                value.normal_(0.0, draw.shift, generator=numbers)
            elif value.ndim < 2 or "norm" in name or "correction" in name:
                value.add_(draw.spread * torch.randn(value.shape, generator=numbers))
            else:
                value.normal_(0.0, draw.gain / value.shape[-1] ** 0.5, generator=numbers)
    return model


def continued(peer: Any, prompt: Tensor, amount: int) -> list[int]:
    """Return the tokens with which transformers goes on greedily, whatever they are."""
    found = peer.generate(
        prompt, do_sample=False, min_new_tokens=amount, max_new_tokens=amount, eos_token_id=None, pad_token_id=0
    )
    ids: list[int] = found[0, prompt.shape[1] :].tolist()
    return ids


def saved(model: Any, folder: Path, **options: Any) -> Recognised:
    """Save a model as transformers does and read it as ``--weights`` does."""
    model.save_pretrained(folder, **options)
    return load_weights(str(folder)).recognised


def ours(recognised: Recognised, attention: AttentionPath = "sdpa", **changed: Any) -> GPT:
    """Return our network of a checkpoint, with keys of its config changed."""
    assert recognised.network is not None
    assert recognised.config is not None
    network = recognised.network.of(replace(recognised.config, **changed))
    return load_model(replace(recognised, network=network), attention=attention, dtype=torch.float32)


def texts(model: Any, tokens: int, amount: int = 2) -> Tensor:
    """Return random ids, (B, T)."""
    return torch.randint(model.config.vocab_size, (amount, tokens), generator=torch.Generator().manual_seed(2))


def logits_of(model: Any, ids: Tensor) -> Tensor:
    """Return the logits of a peer or of our network, (B, T, V)."""
    with torch.no_grad():
        found = model(ids)
    logits: Tensor = found if isinstance(found, Tensor) else found.logits
    return logits


def error(found: Tensor, expected: Tensor) -> float:
    """Return the largest difference as a part of the largest logit."""
    return float((found - expected).abs().max() / expected.abs().max())
