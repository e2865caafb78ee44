"""Where torch lays the numbers of a tensor: which views need a copy, and in which order a new tensor lies.

Shapes are sizes and strides numbers of elements, as torch gives them.
"""

from collections.abc import Sequence

Numbers = tuple[int, ...]


def contiguous(shape: Numbers) -> Numbers:
    """Return the strides of a tensor whose last dimension is the innermost."""
    strides, step = [], 1
    for length in reversed(shape):
        strides.append(step)
        step *= max(length, 1)
    return tuple(reversed(strides))


def dense_like(shape: Numbers, strides: Numbers) -> Numbers:
    """Return the strides of a new tensor that keeps another's order of dimensions, without gaps.

    An elementwise call gives its result so, by its first operand (``reorder_dimensions`` in torch's
    ``aten/src/ATen/TensorIterator.cpp``).
    """
    order = sorted(range(len(shape)), key=lambda dim: (strides[dim], -dim))  # the innermost first
    found, step = [0] * len(shape), 1
    for dim in order:
        found[dim] = step
        step *= max(shape[dim], 1)
    return tuple(found)


def permuted(numbers: Numbers, dims: Sequence[int]) -> Numbers:
    """Return a shape, or strides, in another order."""
    return tuple(numbers[dim] for dim in dims)


def viewed(shape: Numbers, strides: Numbers, into: Numbers) -> Numbers | None:
    """Return the strides of a tensor viewed in another shape, or None where that takes a copy.

    The rule of ``computeStride`` in torch's ``aten/src/ATen/TensorUtils.cpp``: dimensions are merged where one goes on
    where the other ends.
    """
    found = [0] * len(into)
    place = len(into) - 1
    length = 1
    base = strides[-1] if strides else 1
    for dim in reversed(range(len(shape))):
        length *= shape[dim]
        goes_on = dim > 0 and (shape[dim - 1] == 1 or strides[dim - 1] == length * base)
        if goes_on:
            continue
        taken = 1
        while place >= 0 and (taken < length or into[place] == 1):
            found[place] = taken * base
            taken *= into[place]
            place -= 1
        if taken != length:
            return None
        if dim > 0:
            base, length = strides[dim - 1], 1
    return tuple(found) if place < 0 else None
