"""Lion written from its paper, in the calls of lion-pytorch: what the books of a step of it are measured by."""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import Parameter


class Lion(torch.optim.Optimizer):
    """Chen et al. 2023, algorithm 2: the sign of an average of momentum and gradient."""

    def __init__(self, params: Iterable[Parameter], lr: float) -> None:
        super().__init__(params, {"lr": lr, "betas": (0.9, 0.99)})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Step; there is no closure."""
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                if not state:
                    state["exp_avg"] = torch.zeros_like(parameter)
                _update(parameter, parameter.grad, state["exp_avg"], group["lr"], *group["betas"])


def _update(parameter: Tensor, gradient: Tensor, momentum: Tensor, lr: float, beta1: float, beta2: float) -> None:
    direction = momentum.clone().mul_(beta1).add(gradient, alpha=1 - beta1).sgn_()
    parameter.add_(direction, alpha=-lr)
    momentum.mul_(beta2).add_(gradient, alpha=1 - beta2)
