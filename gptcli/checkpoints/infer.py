"""A config for a checkpoint: the one that came with it, or one read off the shapes of its tensors."""

from collections import Counter
from collections.abc import Iterable

from msgspec.structs import replace

from gptcli.checkpoints.matching import Matched, Part
from gptcli.config import ModelConfig
from gptcli.config.model_config import MAX_SIZE
from gptcli.reports.finding import Finding

_MOST_HEADS = 4096
_USUAL_HEAD = 64  # the width of a head in every published GPT-2 (Radford et al. 2019, table 2)


def infer_config(matched: Matched, name: str, head_is_copy: bool | None) -> tuple[ModelConfig | None, list[Finding]]:
    """Read the sizes off the shapes.

    Args:
        matched: the tensors in their layout.
        name: for the model.
        head_is_copy: whether the stored output head holds the embedding's numbers; None where there is no head.

    Returns:
        The config, or None where the shapes do not say; and what had to be guessed.
    """
    widths = _sizes((part for part in matched.parts() if part.path.endswith(_VECTORS)), axis=0)
    tables = {path: _shape(matched, path) for path in ("wte.weight", "wpe.weight", "lm_head.weight")}
    widths += Counter(2 * [shape[1] for shape in tables.values() if shape])
    blocks = {part.block for part in matched.parts() if part.block is not None}
    vocabulary = tables["wte.weight"] or tables["lm_head.weight"]
    positions = tables["wpe.weight"]
    if not (widths and blocks and vocabulary and positions):
        return None, [Finding("error", "no-config", "", _missing_sizes(vocabulary, positions, bool(blocks)))]
    width = widths.most_common(1)[0][0]
    sizes = (vocabulary[0], positions[0], width, max(blocks) + 1)
    if not all(1 <= size <= MAX_SIZE for size in sizes):
        return None, [
            Finding("error", "no-config", "", f"the shapes give no model: sizes {', '.join(map(str, sizes))}")
        ]
    heads = _likely_heads(width)
    config = ModelConfig(
        name=name,
        vocab_size=vocabulary[0],
        context_length=positions[0],
        emb_dim=width,
        n_heads=heads,
        n_layers=max(blocks) + 1,
        bias=any(path.endswith(".bias") for path in matched.weights),
        qkv_bias=any(path.endswith("attn.c_attn.bias") for path in matched.weights),
        weight_tying=head_is_copy is not False,
    )
    config = matched.layout.as_computed(config)
    if head_is_copy is None:
        config = replace(config, weight_tying=True)
    guess = (
        f"shapes do not say the number of heads: assumed {heads}, {width // heads} wide each; "
        "say it with --set n_heads=N"
    )
    return config, [Finding("warning", "guessed-heads", "", guess)]


_VECTORS = ("ln_1.weight", "ln_2.weight", "ln_f.weight", "ln_1.bias", "ln_2.bias", "ln_f.bias", "c_proj.bias")


def _sizes(parts: Iterable[Part], axis: int) -> Counter[int]:
    return Counter(part.tensor.shape[axis] for part in parts if len(part.tensor.shape) == axis + 1)


def _shape(matched: Matched, path: str) -> tuple[int, ...] | None:
    """Return the shape of a table that stands outside the blocks."""
    parts = matched.weights.get(path)
    shape = parts[0].tensor.shape if parts else ()
    return shape if len(shape) == 2 else None


def _missing_sizes(vocabulary: object, positions: object, blocks: bool) -> str:
    missing = [
        what
        for what, found in (("token embedding", vocabulary), ("positional embedding", positions), ("block", blocks))
        if not found
    ]
    if not missing:
        return "the shapes give no model; take a checkpoint of a GPT-2"
    lacking = " and a ".join(missing)
    return f"without a {lacking} the model's sizes cannot be read off the shapes; take a file with the whole model"


def _likely_heads(width: int) -> int:
    """Return the number of heads whose width is nearest to 64."""
    divisors = (n for n in range(1, min(width, _MOST_HEADS) + 1) if width % n == 0)
    return min(divisors, key=lambda n: abs(width // n - _USUAL_HEAD))
