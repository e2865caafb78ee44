"""RMSNorm."""

from torch import Tensor, nn
from torch.nn import functional as F

from gptcli.architecture import Sizes, size
from gptcli.architecture.parts import rms_norm
from gptcli.model.parts.leaf import Leaf, Parameters, leaf_of
from gptcli.model.parts.norm_scale import scale_of


@leaf_of(rms_norm.RMSNorm)
class RMSNorm(Leaf):
    """Mean square 1, and scale, over the last dimension."""

    weight: nn.Parameter | None

    def __init__(self, part: rms_norm.RMSNorm, sizes: Sizes, parameters: Parameters) -> None:
        super().__init__(part, sizes, parameters)
        self.features = (size(part.features, sizes),)
        if not part.weights():
            self.register_parameter("weight", None)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C); of each head with weights of its own (..., H, T, D)."""
        scale = scale_of(self.weight, self.part.scale)
        if self.part.heads is None:
            return _normed(x, self.features, scale, self.part.eps)
        assert scale is not None
        return F.rms_norm(x, self.features, None, self.part.eps) * scale.unsqueeze(1)  # (..., H, T, D)


def _normed(x: Tensor, features: tuple[int, ...], scale: Tensor | None, eps: float) -> Tensor:
    """``F.rms_norm``, in the wider of two dtypes where those differ, and rounded once."""
    if scale is None or scale.dtype == x.dtype:
        return F.rms_norm(x, features, scale, eps)
    return F.rms_norm(x.to(scale.dtype), features, scale, eps).to(x.dtype)
