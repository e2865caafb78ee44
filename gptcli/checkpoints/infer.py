"""A config for a checkpoint: the one that came with it, or one read off the shapes of its tensors."""

from collections import Counter
from collections.abc import Iterable

from msgspec.structs import replace

from gptcli.architecture.axes import C
from gptcli.architecture.roles import HEAD, POSITION_TABLE, QUERY_KEY_VALUE, TOKEN_TABLE, Role
from gptcli.checkpoints.matching import Matched, Part
from gptcli.config import ModelConfig
from gptcli.config.model_config import MAX_SIZE
from gptcli.reports.finding import Finding

# What shapes may leave open: the finding that says so, and the key that settles it.
GUESSED = {"guessed-heads": "n_heads", "guessed-norm": "norm", "guessed-activation": "activation"}
_MOST_HEADS = 4096
# Layers, or experts of all layers, that are listed one by one though the file lacks them. The largest decoders have
# 61 layers of 384 experts.
MOST_PLACES = 100_000
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
    widths = _sizes((part for part in matched.parts() if part.place.shape == (C,)), axis=0)
    tables = {role: _shape(matched, role) for role in (TOKEN_TABLE, POSITION_TABLE, HEAD)}
    widths += Counter(2 * [shape[1] for shape in tables.values() if shape])
    blocks = {part.block for part in matched.parts() if part.block is not None}
    vocabulary = tables[TOKEN_TABLE] or tables[HEAD]
    positions = tables[POSITION_TABLE]
    if not (widths and blocks and vocabulary and positions):
        return None, [Finding("error", "no-config", "", _missing_sizes(vocabulary, positions, bool(blocks)))]
    width = widths.most_common(1)[0][0]
    sizes = (vocabulary[0], positions[0], width, max(blocks) + 1)
    if not all(1 <= size <= MAX_SIZE for size in sizes):
        return None, [
            Finding("error", "no-config", "", f"the shapes give no model: sizes {', '.join(map(str, sizes))}")
        ]
    stored = len(list(matched.parts()))
    if max(blocks) >= max(stored, MOST_PLACES):
        message = f"a tensor belongs to block {max(blocks):,}, but the file holds {stored:,} tensors in all"
        return None, [Finding("error", "no-config", "", message)]
    heads = _likely_heads(width)
    biased = [part.place for part in matched.parts() if part.place.name == "bias"]
    shifted = any(place.family == "norm" for place in biased)
    config = ModelConfig(
        name=name,
        vocab_size=vocabulary[0],
        context_length=positions[0],
        emb_dim=width,
        n_heads=heads,
        n_layers=max(blocks) + 1,
        bias=bool(biased),
        qkv_bias=any(place.role == QUERY_KEY_VALUE for place in biased),
        # Layer norms shift where linear layers have biases; RMSNorm never does.
        norm="rms_norm" if biased and not shifted else "layer_norm",
        weight_tying=head_is_copy is not False,
    )
    config = matched.layout.as_computed(config)
    if head_is_copy is None:
        config = replace(config, weight_tying=True)
    guess = (
        f"shapes do not say the number of heads: assumed {heads}, {width // heads} wide each; "
        "say it with --set n_heads=N"
    )
    findings = [Finding("warning", "guessed-heads", "", guess)]
    if not biased and "norm" not in matched.layout.fixed:
        guess = "shapes do not say which norm has these weights: assumed layer_norm; say it with --set norm=NAME"
        findings.append(Finding("warning", "guessed-norm", "", guess))
    layout = matched.layout
    if layout.shared:
        guess = (
            f"names do not say the activation: assumed {layout.label}'s, {config.activation}, but they are also "
            f"{layout.shared}; say it with --set activation=NAME"
        )
        findings.append(Finding("warning", "guessed-activation", "", guess))
    return config, findings


def _sizes(parts: Iterable[Part], axis: int) -> Counter[int]:
    return Counter(part.tensor.shape[axis] for part in parts if len(part.tensor.shape) == axis + 1)


def _shape(matched: Matched, role: Role) -> tuple[int, ...] | None:
    """Return the shape of a table that stands outside the blocks."""
    parts = matched.outside(role)
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
