"""A torch-free description of the network: its weights, its steps, their symbolic shapes."""

from gptcli.architecture.listing import Step, Weight, each_weight, shared_path, steps, walk, weights
from gptcli.architecture.network import AttentionPath, Network, attention_path, describe
from gptcli.architecture.symbols import Dim, Shape, Sizes, elements, shape_sizes, size, sizes_of

__all__ = [
    "AttentionPath",
    "Dim",
    "Network",
    "Shape",
    "Sizes",
    "Step",
    "Weight",
    "attention_path",
    "describe",
    "each_weight",
    "elements",
    "shape_sizes",
    "shared_path",
    "size",
    "sizes_of",
    "steps",
    "walk",
    "weights",
]
