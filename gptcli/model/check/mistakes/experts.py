"""Mistakes in a mixture of experts: how much each chosen one counts, and what it computes."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from gptcli.architecture import Group, Network, Part, size
from gptcli.architecture.axes import A, E
from gptcli.architecture.parts.add import Add
from gptcli.architecture.parts.arithmetic import Multiply
from gptcli.architecture.parts.experts import Experts, ExpertShares
from gptcli.model.check.mistakes.edits import Which, a, instead, swapped
from gptcli.model.check.mistakes.mistake import Mistake

_MIXTURE = "mixture_of_experts"


def _shares(*routers: str, renormalized: bool | None = None) -> Which:
    """Select the shares of routers, by whether they are divided by their sum."""

    def which(part: Part, _: Group) -> bool:
        if not isinstance(part, ExpertShares) or part.router not in routers:
            return False
        return renormalized in (None, part.renormalize)

    return which


def _gate_last(leaf: Any, x: Tensor, chosen: Tensor, shares: Tensor) -> Tensor:
    """Activate the second half of an expert's first layer, not the first."""
    first = leaf.gate_up_proj
    gate, up = first.chunk(2, dim=1)  # (E, M, C) each
    leaf.gate_up_proj = torch.nn.Parameter(torch.cat((up, gate), dim=1), requires_grad=False)
    try:
        out: Tensor = leaf(x, chosen, shares)
        return out
    finally:
        leaf.gate_up_proj = first


def _unweighted(leaf: Any, x: Tensor, chosen: Tensor, shares: Tensor) -> Tensor:
    out: Tensor = leaf(x, chosen, torch.ones_like(shares))
    return out


def _averaged(leaf: Any, x: Tensor, chosen: Tensor, shares: Tensor) -> Tensor:
    out: Tensor = leaf(x, chosen, torch.full_like(shares, 1 / shares.shape[-1]))
    return out


def mistakes(network: Network) -> Iterator[Mistake]:
    """Yield the mistakes in how many experts a token visits."""
    if "A" not in network.sizes:
        return
    experts, visited = size(E, network.sizes), size(A, network.sizes)
    for other in sorted({1, 2, visited - 1, visited + 1, experts} - {0, visited}):
        if other <= experts:
            yield Mistake(
                "other-top-k",
                f"experts that a token visits: {other}, where the config has num_experts_per_tok {visited}",
                _visiting(other),
            )


def _visiting(amount: int) -> Any:
    """Let a token visit so many experts, the best of all."""

    def compute(leaf: Any, logits: Tensor) -> Tensor:
        return logits.topk(amount, dim=-1).indices

    def which(part: Part, _: Group) -> bool:
        plain = part.kind == "expert_choice"
        return plain and getattr(part, "groups", 1) == 1 and getattr(part, "correction", "none") == "none"

    return instead(which, compute)


MISTAKES = (
    Mistake(
        "softmax-before-top-k",
        "the shares are a softmax over all experts; it runs over the chosen ones: topk first, then softmax, or divide "
        "them by their sum",
        swapped(_shares("softmax_chosen"), router="softmax", renormalize=False),
    ),
    Mistake(
        "shares-not-renormalised",
        "the chosen experts' shares are not divided by their sum, so they do not add up to 1",
        swapped(_shares("softmax", "sigmoid", renormalized=True), renormalize=False),
    ),
    Mistake(
        "shares-renormalised",
        "the chosen experts' shares add up to 1, as with a softmax after topk; this network keeps what a softmax over "
        "all experts gave them (norm_topk_prob: false)",
        swapped(_shares("softmax", "sigmoid", renormalized=False), renormalize=True),
    ),
    Mistake(
        "softmax-for-sigmoid",
        "experts' scores are a softmax; here they are sigmoids",
        swapped(_shares("sigmoid"), router="softmax"),
    ),
    Mistake(
        "no-router-scale",
        "the shares are not multiplied with router_scale (routed_scaling_factor)",
        swapped(lambda part, _: isinstance(part, ExpertShares), scale=1.0),
    ),
    Mistake(
        "experts-unweighted",
        "what experts give is added up without their shares",
        instead(a(Experts), _unweighted),
    ),
    Mistake(
        "experts-averaged",
        "what experts give is averaged; weigh it by their shares",
        instead(a(Experts), _averaged),
    ),
    Mistake(
        "gate-up-swapped",
        "gate and up of the experts are swapped: the activated one is the gate, act(gate) * up",
        instead(lambda part, _: isinstance(part, Experts) and part.gated, _gate_last),
    ),
    *(
        Mistake(
            name,
            f"{words} in the experts in place of SiLU",
            swapped(lambda part, _: isinstance(part, Experts) and part.activation == "silu", activation=activation),
        )
        for name, words, activation in (
            ("gelu", "GELU", "gelu"),
            ("gelu", "GELU's tanh form", "gelu_tanh"),
            ("relu", "ReLU", "relu"),
        )
    ),
    Mistake(
        "no-shared-expert",
        "the shared expert, which every token visits, is not added",
        instead(a(Add, within=_MIXTURE), lambda _, routed, _shared: routed),
    ),
    Mistake(
        "no-shared-gate",
        "the shared expert's gate is not applied: sigmoid(shared_gate(x)) * shared(x)",
        instead(a(Multiply, within=_MIXTURE), lambda _, _opened, shared: shared),
    ),
)
