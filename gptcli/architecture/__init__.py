"""A torch-free description of the network: its parts, their weights and steps, over named axes."""

from gptcli.architecture.axes import Dim, Shape, Sizes, elements, shape_sizes, size
from gptcli.architecture.listing import Step, Weight, each_buffer, each_weight, layers, steps, walk, weights
from gptcli.architecture.network import AttentionPath, Group, Network, Stack, attention_path
from gptcli.architecture.parts.part import Part
from gptcli.architecture.plan import describe, reference, sizes_of

__all__ = [
    "AttentionPath",
    "Dim",
    "Group",
    "Network",
    "Part",
    "Shape",
    "Sizes",
    "Stack",
    "Step",
    "Weight",
    "attention_path",
    "describe",
    "each_buffer",
    "each_weight",
    "elements",
    "layers",
    "reference",
    "shape_sizes",
    "size",
    "sizes_of",
    "steps",
    "walk",
    "weights",
]
