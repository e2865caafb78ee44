"""What a norm multiplies with: a weight, 1 + a weight, or nothing."""

from gptcli.architecture.axes import ONE, Dim, Shape
from gptcli.architecture.books import Value
from gptcli.architecture.calls import Calls
from gptcli.config.model_config import NormScale

__all__ = ["NormScale", "scale_formula", "scale_value", "scale_weights"]


def scale_weights(scale: NormScale, features: Dim, heads: Dim | None) -> dict[str, Shape]:
    """Return the weight of a norm over ``features``, one for each head where there are ``heads``."""
    if scale == "none":
        return {}
    return {"weight": (features,) if heads is None else (heads, features)}


def scale_formula(scale: NormScale) -> str:
    """Return what stands at the end of a norm's formula."""
    return {"weight": " * weight", "one_plus_weight": " * (1 + weight)", "none": ""}[scale]


def scale_value(scale: NormScale, calls: Calls, weights: dict[str, Shape]) -> Value | None:
    """Make what is multiplied with: the weight, 1 + the weight in fp32, or None."""
    if scale == "none":
        return None
    heads = weights["weight"][:-1]
    shape = weights["weight"] if not heads else (*heads, ONE, weights["weight"][-1])
    weight = calls.parameter("weight", shape)
    return weight if scale == "weight" else calls.plus_one("scale", weight)
