"""The least that a pass over four tokens takes: ``draw`` the weights or ``map`` a FILE of them, then multiply.

``draw`` makes the same random draws as a forward pass with random weights; ``map`` maps a safetensors file. Either way
the same matrix products follow, and nothing else.
"""

import sys

import torch

from benchmarks.products import multiply_all

TOKENS = 4


def main() -> None:
    """Do what the command line says."""
    if sys.argv[1] == "draw":
        from gptcli.architecture import describe, each_weight, shape_sizes, sizes_of
        from gptcli.config import load_config

        config = load_config("gpt2-124m", environ={}).config
        sizes = sizes_of(config)
        matrices = []
        for weight in each_weight(describe(config), sizes):
            tensor = torch.empty(shape_sizes(weight.shape, sizes))
            if weight.path in ("wte.weight", "wpe.weight"):
                tensor.normal_()
            elif ".ln_" not in weight.path:
                tensor.uniform_(-0.03, 0.03)
            if tensor.ndim == 2 and weight.path not in ("wte.weight", "wpe.weight"):
                matrices.append(tensor)
    else:
        from safetensors import safe_open

        with safe_open(sys.argv[2], "pt") as file:
            names = [name for name in file.keys() if "wpe" not in name]  # noqa: SIM118  # no mapping, but has keys
            stored = {name: file.get_tensor(name) for name in names}
        matrices = [t if "wte" in name else t.t() for name, t in stored.items() if t.ndim == 2]
    with torch.inference_mode():
        multiply_all(matrices, TOKENS)


main()
