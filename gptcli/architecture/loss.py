"""The training loss in the books: cross-entropy over the logits."""

from gptcli.architecture.axes import ONE, B, T, V
from gptcli.architecture.books import Amount, Conditions, Gradient, Kernel, Value, cast


def loss_kernels(logits: str, given: Conditions, *, shared: bool = False) -> list[Kernel]:
    """Return the kernels of ``cross_entropy(logits.flatten(0, 1), targets.flatten())``; autocast runs it in fp32.

    ``shared`` among micro-batches, it is divided by their number.
    """
    whole = (B, T, V)
    item = given.stream_item
    casts, source = [], logits
    if given.autocast:
        source = f"{logits}.fp32"
        casts.append(cast("Logits in fp32", whole, source, Value(logits, given.item), item))
    log_softmax = Kernel(
        outs=("log_softmax",),
        made=(Amount("Log-softmax of the logits", whole, item),),
        reads=(source,),
        saves=("log_softmax",),
        gradients=(Gradient(Amount("Gradient of the logits", whole, item), source),),
    )
    total_weight = Amount("Loss", (ONE,), item)
    nll = Kernel(
        outs=("loss",),
        made=(Amount("Loss", (ONE,), item), total_weight),
        reads=("log_softmax",),
        holds=(source,),
        saves=("log_softmax",),
        gradients=(Gradient(Amount("Gradient of the log-softmax", whole, item), "log_softmax"),),
    )
    return [*casts, log_softmax, nll, *([_share(item)] if shared else [])]


def _share(item: int) -> Kernel:
    back = Gradient(Amount("Gradient of the loss", (ONE,), item), "loss")
    return Kernel(outs=("share",), made=(Amount("Loss", (ONE,), item),), reads=("loss",), gradients=(back,))
