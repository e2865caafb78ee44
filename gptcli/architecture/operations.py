"""The kinds of operation that a GPT-2-style network is made of, one frozen type each.

An operation says what it reads, the symbolic shape of what it gives, and which weights it owns. ``reads`` names other
operations of the same group; ``"x"`` is the group's own input.
"""

from typing import ClassVar

from msgspec import Struct

from gptcli.architecture.symbols import Dim, Shape


class Operation(Struct, frozen=True, kw_only=True):
    """One step of the forward pass.

    Attributes:
        label: the words people read.
        reads: what it takes: names in its group, ``"x"`` for the group's input.
        shape: the symbolic shape of its output.
    """

    kind: ClassVar[str]
    label: str
    reads: tuple[str, ...] = ("x",)
    shape: Shape

    def weights(self) -> dict[str, Shape]:
        """Return the operation's own parameters by name, in the order torch registers them."""
        return {}


class Embedding(Operation, frozen=True, kw_only=True):
    """Rows of a table, looked up by index."""

    kind: ClassVar[str] = "embedding"
    rows: Dim
    width: Dim

    def weights(self) -> dict[str, Shape]:  # noqa: D102  # as in the base class
        return {"weight": (self.rows, self.width)}


class Add(Operation, frozen=True, kw_only=True):
    """The sum of two tensors; on the residual path, the lecture's shortcut connection."""

    kind: ClassVar[str] = "add"


class Dropout(Operation, frozen=True, kw_only=True):
    """Zeroes each element with probability ``rate`` while training, and scales the rest by 1 / (1 - rate)."""

    kind: ClassVar[str] = "dropout"
    rate: float


class LayerNorm(Operation, frozen=True, kw_only=True):
    """Zero mean and unit variance over the last dimension, then scale and shift (Ba et al. 2016)."""

    kind: ClassVar[str] = "layer_norm"
    features: Dim
    eps: float
    bias: bool = True

    def weights(self) -> dict[str, Shape]:  # noqa: D102  # as in the base class
        own: dict[str, Shape] = {"weight": (self.features,)}
        return own | {"bias": (self.features,)} if self.bias else own


class RMSNorm(Operation, frozen=True, kw_only=True):
    """Divides by the root of the mean square over the last dimension, then scales (Zhang and Sennrich 2019)."""

    kind: ClassVar[str] = "rms_norm"
    features: Dim
    eps: float

    def weights(self) -> dict[str, Shape]:  # noqa: D102  # as in the base class
        return {"weight": (self.features,)}


class Linear(Operation, frozen=True, kw_only=True):
    """``x @ weight.T + bias``.

    Attributes:
        fused: how many equal projections are stacked in the rows of the weight (3 for query, key and value).
        to_residual: whether its output is added to the residual path, which GPT-2 draws with a smaller deviation.
        tied_to: path of the weight that this operation shares instead of owning one.
    """

    kind: ClassVar[str] = "linear"
    inputs: Dim
    outputs: Dim
    bias: bool = True
    fused: int = 1
    to_residual: bool = False
    tied_to: str | None = None

    def weights(self) -> dict[str, Shape]:  # noqa: D102  # as in the base class
        own: dict[str, Shape] = {"weight": (self.outputs, self.inputs)}
        return own | {"bias": (self.outputs,)} if self.bias else own


class SplitHeads(Operation, frozen=True, kw_only=True):
    """Views the fused projection as query, key and value of every head."""

    kind: ClassVar[str] = "split_heads"


class AttentionScores(Operation, frozen=True, kw_only=True):
    """``q @ k.T / sqrt(D)`` (Vaswani et al. 2017, equation 1)."""

    kind: ClassVar[str] = "attention_scores"


class CausalMask(Operation, frozen=True, kw_only=True):
    """Minus infinity where a token would look at a later one."""

    kind: ClassVar[str] = "causal_mask"


class Softmax(Operation, frozen=True, kw_only=True):
    """Scores to weights that add up to one over the keys."""

    kind: ClassVar[str] = "softmax"


class WeightedSum(Operation, frozen=True, kw_only=True):
    """Values averaged by the attention weights, the heads laid side by side again."""

    kind: ClassVar[str] = "weighted_sum"


class FusedAttention(Operation, frozen=True, kw_only=True):
    """Scores, mask, softmax, dropout and weighted sum in one call of ``scaled_dot_product_attention``."""

    kind: ClassVar[str] = "scaled_dot_product_attention"
    rate: float


class Gelu(Operation, frozen=True, kw_only=True):
    """GELU, exact or in its tanh form (Hendrycks and Gimpel 2016, section 2)."""

    kind: ClassVar[str] = "gelu"
    exact: bool = False
