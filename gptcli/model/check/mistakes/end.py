"""Mistakes between the last layer and the logits."""

from torch import Tensor

from gptcli.architecture import Group, Network, Part
from gptcli.architecture.parts.arithmetic import Softcap
from gptcli.architecture.parts.attention import Softmax
from gptcli.architecture.parts.layer_norm import LayerNorm
from gptcli.architecture.roles import FINAL_NORM, HEAD, TOKEN_TABLE
from gptcli.model.check.mistakes.edits import a, followed, swapped, without
from gptcli.model.check.mistakes.instead import Instead
from gptcli.model.check.mistakes.mistake import Mistake

_head = a(role=HEAD)


def _softmax(head: Part) -> Part:
    return Softmax(label="Softmax", shape=head.shape)


def _log(_: None, logits: Tensor) -> Tensor:
    return logits.log_softmax(-1)


def _log_softmax(head: Part) -> Part:
    return Instead(label="Log-softmax", shape=head.shape, compute=_log)


def _tied(group: Group) -> Group:
    """Tie the head to the token table."""
    if not isinstance(group, Network):
        return group
    return swapped(_head, tied_to=group.weight_of(TOKEN_TABLE))(group)


MISTAKES = (
    Mistake(
        "no-final-norm",
        "the final layer norm before the output head is missing",
        without(a(LayerNorm, role=FINAL_NORM)),
    ),
    Mistake(
        "no-final-norm",
        "the final norm before the output head is missing",
        without(lambda part, _: part.role == FINAL_NORM and not isinstance(part, LayerNorm)),
    ),
    Mistake(
        "softmax-on-logits",
        "the network returns probabilities; return the logits, without a softmax",
        followed(_head, "softmax", _softmax),
    ),
    Mistake(
        "log-softmax-on-logits",
        "the network returns log-probabilities; return the logits, without a log_softmax",
        followed(_head, "log_softmax", _log_softmax),
    ),
    Mistake(
        "no-logit-cap",
        "missing softcap of the logits: cap * tanh(logits / cap)",
        without(a(Softcap, within="network")),
    ),
    Mistake(
        "embedding-as-head",
        "the token embedding is used as output head, though the head has weights of its own; tie them or use the head",
        _tied,
    ),
)
