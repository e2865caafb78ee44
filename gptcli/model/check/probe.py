"""A last run of somebody's network as it is used: in single precision, forward and then backward.

The comparison runs in double precision and without gradients, so it sees neither a number that only fp32 cannot hold
nor what training would compute.
"""

from collections.abc import Collection

import torch
from torch import Tensor, nn

from gptcli.config.printable import printable
from gptcli.errors import InputError
from gptcli.model.check.ports import LOGITS
from gptcli.model.check.user_network import UserNetwork, default_dtype, reported
from gptcli.reports.check import Divergence
from gptcli.reports.finding import Finding

NOT_FINITE = "not-finite"
_IN_FP32 = (
    "in fp32, the precision it is used in, the logits hold NaN or infinity, though not in fp64: some number is too "
    "large for fp32 (over 3.4e38), or comes of 0/0"
)
_GRADIENTS = "the backward pass gives NaN or infinity, so the first step of training would spoil the weights"


def probe(
    user_network: UserNetwork, model: nn.Module, ids: Tensor, *, unused: Collection[str]
) -> tuple[Divergence | None, list[Finding]]:
    """Run a network in fp32, forward and backward; logits and gradients must be finite.

    Args:
        user_network: where the network comes from.
        model: the network in fp32, with the weights that it is to be run with.
        ids: (B, T).
        unused: parameters that nothing is expected to use.

    Returns:
        What is not finite, or None; and warnings on gradients that are missing.

    Raises:
        InputError: its forward pass fails in fp32.
    """
    with default_dtype(torch.float32):
        logits = user_network.logits(model, ids, gradients=True)
        if not logits.isfinite().all():
            return Divergence(path=LOGITS, label="Logits", kind=NOT_FINITE, side="out", hint=_IN_FP32), []
        return _backward(user_network, model, logits, unused)


def _backward(
    user_network: UserNetwork, model: nn.Module, logits: Tensor, unused: Collection[str]
) -> tuple[Divergence | None, list[Finding]]:
    if not logits.requires_grad:
        message = "gives logits without a gradient, as under torch.no_grad() or after .detach(): it cannot be trained"
        return None, [Finding("warning", "no-gradient", "", message)]
    try:
        with reported(user_network.target, "in the backward pass"):
            logits.float().logsumexp(-1).mean().backward()  # type: ignore[no-untyped-call]
    except InputError as error:
        return None, [Finding("warning", "no-gradient", "", f"cannot be trained: {error}")]
    trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
    return _judge({name: value for name, value in trained.items() if printable(name) not in unused})


def _judge(parameters: dict[str, nn.Parameter]) -> tuple[Divergence | None, list[Finding]]:
    bad = [name for name, value in parameters.items() if value.grad is not None and not value.grad.isfinite().all()]
    if bad:
        return Divergence(path=printable(bad[0]), label="Gradient", kind=NOT_FINITE, hint=_GRADIENTS), []
    missing = [printable(name) for name, value in parameters.items() if value.grad is None]
    if not missing:
        return None, []
    others = f"; nor do {len(missing) - 1:,} more parameters" if len(missing) > 1 else ""
    message = f"gets no gradient, so training leaves it as it is{others}"
    return None, [Finding("warning", "no-gradient", missing[0], message)]
