"""What a norm multiplies with: a weight, 1 + a weight, or nothing."""

from gptcli.architecture.axes import Dim, Shape
from gptcli.config.model_config import NormScale

__all__ = ["NormScale", "scale_formula", "scale_weights"]


def scale_weights(scale: NormScale, features: Dim, heads: Dim | None) -> dict[str, Shape]:
    """Return the weight of a norm over ``features``, one for each head where there are ``heads``."""
    if scale == "none":
        return {}
    return {"weight": (features,) if heads is None else (heads, features)}


def scale_formula(scale: NormScale) -> str:
    """Return what stands at the end of a norm's formula."""
    return {"weight": " * weight", "one_plus_weight": " * (1 + weight)", "none": ""}[scale]
