"""Layer norm."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gptcli.architecture import Sizes, size
from gptcli.architecture.parts import layer_norm
from gptcli.model.parts.leaf import Leaf, Parameters, leaf_of
from gptcli.model.parts.norm_scale import scale_of


@leaf_of(layer_norm.LayerNorm)
class LayerNorm(Leaf):
    """Zero mean, unit variance, scale and shift, over the last dimension."""

    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, part: layer_norm.LayerNorm, sizes: Sizes, parameters: Parameters) -> None:
        super().__init__(part, sizes, parameters)
        self.features = (size(part.features, sizes),)
        for name in {"weight", "bias"} - set(part.weights()):
            self.register_parameter(name, None)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C); of each head with weights of its own (..., H, T, D)."""
        scale = scale_of(self.weight, self.part.scale)
        if self.part.heads is None:
            return _normed(x, self.features, scale, self.bias, self.part.eps)
        assert scale is not None
        normed = F.layer_norm(x, self.features, None, None, self.part.eps) * scale.unsqueeze(1)  # (..., H, T, D)
        return normed if self.bias is None else normed + self.bias


def _normed(x: Tensor, features: tuple[int, ...], scale: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    """``F.layer_norm``, in fp32 where the scale alone is that, and rounded once: torch takes no two dtypes."""
    cast_anyway = not x.is_meta and torch.is_autocast_enabled(x.device.type)
    if scale is None or scale.dtype == x.dtype or cast_anyway:
        return F.layer_norm(x, features, scale, bias, eps)
    wide = None if bias is None else bias.to(scale.dtype)
    return F.layer_norm(x.to(scale.dtype), features, scale, wide, eps).to(x.dtype)
