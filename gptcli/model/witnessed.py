"""Our network beside a witness: weights counted and named at full size, logits compared at a small one.

Logits are compared in fp64 of a network of the same config whose sizes are cut down: a choice that is wrong - a bias, a
norm, a shortcut, an activation - is wrong at any size, and no memory is needed. Sizes are held at full size, on the
meta device.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch
from msgspec import Struct
from msgspec.structs import replace
from torch import Tensor, nn

from gptcli.architecture import AttentionPath, Network, each_weight, shape_sizes
from gptcli.checkpoints.matching import match
from gptcli.checkpoints.stored import StoredTensor
from gptcli.config import ModelConfig
from gptcli.model.described import described_logits
from gptcli.model.gpt import GPT
from gptcli.model.witness import Witness

# Sizes that differ from each other, so that no dimension can stand in for another; a head is 8 wide at most.
_LAYERS, _HEADS, _HEAD_WIDTH, _CONTEXT, _VOCABULARY = 2, 3, 8, 13, 61
_TEXTS, _TOKENS = 2, 11

# Of the largest logit. Two ways of computing one network in fp64 differ by some 1e-15 of it; the tanh form of GELU
# differs from the exact one by 1e-4 and eps 1e-5 from 1e-6 by 1e-6.
_TOLERANCE = 1e-9

_SEED = 0

Weights = Mapping[str, Tensor]


class Compared(Struct, frozen=True):
    """How many numbers were compared, and how many agree."""

    compared: int
    agree: int


def small(config: ModelConfig) -> ModelConfig:
    """Return the config with its sizes cut down; every other choice stays."""
    heads = min(config.n_heads, _HEADS)
    return replace(
        config,
        n_layers=min(config.n_layers, _LAYERS),
        n_heads=heads,
        emb_dim=heads * min(config.emb_dim // config.n_heads, _HEAD_WIDTH),
        context_length=min(config.context_length, _CONTEXT),
        vocab_size=min(config.vocab_size, _VOCABULARY),
    )


def small_shape(config: ModelConfig) -> tuple[int, int, int]:
    """Return the shape (B, T, V) of the logits that are compared."""
    cut = small(config)
    return _TEXTS, min(cut.context_length, _TOKENS), cut.vocab_size


def parameters_and_weights(network: Network, witness: Witness) -> tuple[int, Compared]:
    """Build the witness at full size on the meta device.

    Returns:
        The number of its parameters, by torch; and of all weights, described or the witness's, how many have one name
        and one shape in the description, in our network and in the witness.
    """
    beside = witness.build(network.config, "meta", torch.float32)
    sizes = network.sizes
    described = {
        weight.path: shape_sizes(weight.shape, sizes) for weight in each_weight(network, sizes) if not weight.tied_to
    }
    ours = _shapes(dict(GPT(network, device="meta").named_parameters()))
    theirs = _shapes(_as_described(witness, beside))
    names = described.keys() | ours.keys() | theirs.keys()
    agree = sum(described.get(name) == ours.get(name) == theirs.get(name) for name in names)
    return sum(parameter.numel() for parameter in beside.parameters()), Compared(len(names), agree)


def _as_described(witness: Witness, network: nn.Module) -> dict[str, Tensor]:
    """Return the witness's tensors by our names and as ours lie; one that no layout knows keeps its own name."""
    own = {name: tensor.detach() for name, tensor in witness.state(network).items()}
    stored = {name: StoredTensor(name, "F64", tuple(tensor.shape), Path()) for name, tensor in own.items()}
    matched = match(stored, said=witness.layout)
    if matched is None:
        return own
    found = {tensor.name: own[tensor.name] for tensor in (*matched.unexpected, *matched.buffers)}
    for path, parts in matched.weights.items():
        rows = [(own[part.tensor.name], part.place.transposed) for _, part in sorted(parts.items())]
        found[path] = torch.cat([tensor.t() if transposed else tensor for tensor, transposed in rows])
    return found


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def logits(network: Network, attention: AttentionPath, witness: Witness) -> tuple[Compared, Compared]:
    """Give the witness's random weights to our network and compare logits, at small sizes.

    Without dropout on the attention path asked for, then with it on the explicit path, where one seed draws the same
    masks on both sides.

    Returns:
        How many logits of the witness are those of the network that runs, and how many those of the description
        executed step by step, each step from what it says that it reads.
    """
    cut = small(network.config)
    beside = _randomised(witness.build(cut, "cpu", torch.float64))
    weights = _as_described(witness, beside)
    ours = network.of(cut)
    batch, tokens, _ = small_shape(network.config)
    ids = torch.randint(cut.vocab_size, (batch, tokens), generator=torch.Generator().manual_seed(_SEED))
    runs, described = Compared(0, 0), Compared(0, 0)
    passes: tuple[tuple[AttentionPath, bool], ...] = ((attention, False), ("explicit", True))
    for path, training in passes:
        expected = _seeded(partial(beside.train(training), ids))
        assert expected is not None
        runs = _counted(runs, _seeded(partial(_by_the_network, ours, path, weights, ids, training)), expected)
        described = _counted(described, _seeded(partial(_by_the_steps, ours, path, weights, ids, training)), expected)
    return runs, described


def _randomised(network: nn.Module) -> nn.Module:
    """Draw every parameter, biases and norms away from 0 and 1, where it would not show that they are not used."""
    draw = torch.Generator().manual_seed(_SEED)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0.0, 0.5, generator=draw)
    return network


def _by_the_network(network: Network, path: AttentionPath, weights: Weights, ids: Tensor, training: bool) -> Tensor:
    result: Tensor = _with(network, path, weights, training)(ids)
    return result


def _by_the_steps(network: Network, path: AttentionPath, weights: Weights, ids: Tensor, training: bool) -> Tensor:
    return described_logits(_with(network, path, weights, training), ids)


def _with(network: Network, path: AttentionPath, weights: Weights, training: bool) -> GPT:
    """Build our network with some weights."""
    model = GPT(network.on(path), dtype=torch.float64)
    own = dict(model.named_parameters())
    if _shapes(own) != _shapes(weights):
        raise KeyError("other weights")
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(weights[name])
    return model.train(training)


def _seeded(run: Callable[[], Tensor]) -> Tensor | None:
    """Run with the masks of one seed; a network that cannot run with these weights gives no logits."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(_SEED)
        try:
            return run()
        except (KeyError, RuntimeError):
            return None


def _counted(known: Compared, ours: Tensor | None, expected: Tensor) -> Compared:
    agree = 0
    if ours is not None and ours.shape == expected.shape:
        allowed = _TOLERANCE * expected.abs().max()
        agree = int(((ours - expected).abs() <= allowed).sum())
    return Compared(known.compared + expected.numel(), known.agree + agree)
