"""What names and shapes say: missing, unexpected, misshaped and transposed tensors."""

from collections import defaultdict
from collections.abc import Iterator

from gptcli.architecture import Network, Weight, each_weight, shape_sizes
from gptcli.architecture.network import INDEX
from gptcli.architecture.roles import HEAD, QUERY_KEY_VALUE, TOKEN_TABLE
from gptcli.checkpoints.layouts import split_index
from gptcli.checkpoints.matching import Matched, Part
from gptcli.checkpoints.stored import COMMON_NAMES, COMPLEX, WEIGHT_DTYPES, StoredTensor
from gptcli.config import ModelConfig
from gptcli.config.printable import printable
from gptcli.reports.finding import Finding

_MOST_TOLD = 20  # findings of one kind; the rest is counted


def expected_shape(part: Part, described: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape in which a part of a weight should be stored."""
    rows = (described[0] // part.place.parts, *described[1:])
    return rows[::-1] if part.place.transposed else rows


def structure_findings(matched: Matched, network: Network, encoding_size: int) -> list[Finding]:
    """Compare the stored names and shapes with the described weights of a config.

    Args:
        matched: the stored tensors.
        network: what they should be.
        encoding_size: tokens of the encoding, beyond which rows of the vocabulary spell nothing.
    """
    weights = list(each_weight(network, network.sizes))
    described = {weight.path: shape_sizes(weight.shape, network.sizes) for weight in weights}
    return [
        *limited(list(_missing(matched, network.config, weights)), "missing"),
        *limited(list(_unexpected(matched, network.config, described)), "unexpected"),
        *limited(list(_misshaped(matched, network.config, described)), "misshaped"),
        *_head(matched, network),
        *_padding(network, encoding_size),
        *_dtypes(matched),
        *_buffers(matched),
    ]


def limited(findings: list[Finding], kind: str) -> list[Finding]:
    """Return the first findings, and one that counts the others."""
    if len(findings) <= _MOST_TOLD:
        return findings
    more = f"{len(findings) - _MOST_TOLD:,} more such tensors"
    return [*findings[:_MOST_TOLD], Finding(findings[0].severity, kind, "", more)]


def _missing(matched: Matched, config: ModelConfig, weights: list[Weight]) -> Iterator[Finding]:
    wanted: dict[int | None, list[str]] = defaultdict(list)
    lost: dict[int | None, list[str]] = defaultdict(list)
    shifts: set[str] = set()
    names, places = matched.layout.names(), matched.layout.places()
    for weight in weights:
        pattern, block = split_index(weight.path)
        for part, name in enumerate(names[pattern]):
            stored = matched.wrapper + name.replace(INDEX, str(block))
            wanted[block].append(stored)
            place = places[name.removeprefix(matched.layout.prefix)]
            if place.family == "norm" and place.name == "bias":
                shifts.add(stored)
            if part not in matched.weights.get(weight.path, {}) and not weight.tied_to:
                lost[block].append(stored)
    # Just the shifts of all norms are missing: so it is in a network with RMSNorm.
    only_shifts = shifts and shifts == {name for each in lost.values() for name in each}
    way_out = "; if its norms are RMSNorm, --set norm=rms_norm" if only_shifts else ""
    for block, stored_names in lost.items():
        if block is not None and len(stored_names) == len(wanted[block]):
            message = f"block {block} of {config.n_layers} is missing, all {len(stored_names)} tensors of it"
            yield Finding("error", "missing", f"{_block_path(stored_names[0])}", message)
        else:
            for stored in stored_names:
                message = f"missing: {_expectation(matched)} has such a tensor"
                yield Finding("error", "missing", stored, message + way_out)


def _block_path(name: str) -> str:
    pieces = name.split(".")
    index = next(position for position, piece in enumerate(pieces) if piece.isdecimal())
    return ".".join(pieces[: index + 1])


def _expectation(matched: Matched) -> str:
    return f"a model of this config in the layout of {matched.layout.label}"


def _unexpected(matched: Matched, config: ModelConfig, described: dict[str, tuple[int, ...]]) -> Iterator[Finding]:
    for tensor in matched.unexpected:
        yield Finding("warning", "unexpected", printable(tensor.name), "unexpected: belongs to no part of a GPT-2")
    for part in matched.parts():
        if part.path in described:
            continue
        name = printable(part.tensor.name)
        if part.block is not None and part.block >= config.n_layers:
            yield Finding("error", "unexpected", name, f"unexpected: the config has blocks 0 to {config.n_layers - 1}")
        else:
            yield Finding("error", "unexpected", name, f"unexpected: the config says {_denied_by(part, config)}")


def _denied_by(part: Part, config: ModelConfig) -> str:
    """Return the key and the value by which the config has no such bias."""
    if part.place.role == QUERY_KEY_VALUE:
        return "qkv_bias: false"
    return f"norm: {config.norm}" if part.place.family == "norm" and config.bias else "bias: false"


def _misshaped(matched: Matched, config: ModelConfig, described: dict[str, tuple[int, ...]]) -> Iterator[Finding]:
    for part in matched.parts():
        if part.path not in described:
            continue
        expected, found = expected_shape(part, described[part.path]), part.tensor.shape
        if found != expected:
            yield _shape_finding(part, expected, config, matched)


def _shape_finding(part: Part, expected: tuple[int, ...], config: ModelConfig, matched: Matched) -> Finding:
    name, found = printable(part.tensor.name), part.tensor.shape
    shapes = f"{list(found)}, expected {list(expected)}"
    if len(found) == 2 and found == expected[::-1]:
        way = "(in, out), as Conv1D stores it" if part.place.transposed else "(out, in), as torch.nn.Linear stores it"
        message = f"transposed: shape {shapes}; {matched.layout.label} keeps this matrix as {way}"
        return Finding("error", "transposed", name, message)
    if part.place.role in (TOKEN_TABLE, HEAD) and found[1:] == expected[1:]:
        message = f"vocabulary differs: {found[0]:,} rows, the config says vocab_size {config.vocab_size:,}"
        return Finding(
            "error", "vocabulary", name, f"{message}; {_vocabulary_cure(found[0], config.vocab_size, matched)}"
        )
    return Finding("error", "misshaped", name, f"misshaped: shape {shapes}")


def _vocabulary_cure(rows: int, vocabulary: int, matched: Matched) -> str:
    """Say what makes the tables and the config agree: --set never changes the length of stored weights."""
    tables = [part.tensor for role in (TOKEN_TABLE, HEAD) for part in matched.outside(role).values()]
    if not rows or len({table.shape[:1] for table in tables}) > 1:
        return "token embedding and output head need a row for each token; save them anew"
    padded = "padded to a multiple of 64, so " if rows % 64 == 0 and 0 < rows - vocabulary < 128 else ""
    return f"{padded}write vocab_size {rows} into its config"


def _head(matched: Matched, network: Network) -> Iterator[Finding]:
    if matched.outside(HEAD) or not network.config.weight_tying:
        return
    name = matched.layout.names()[network.weight_of(HEAD)][0]
    severity = "warning" if matched.layout.fixed.get("weight_tying") is False else "note"
    usual = ", though this layout's own program always has one" if severity == "warning" else ""
    yield Finding(severity, "tied-head", name, f"head absent: tied to the token embedding{usual}")


def _padding(network: Network, encoding_size: int) -> Iterator[Finding]:
    config = network.config
    more = config.vocab_size - encoding_size
    if 0 < more < 128 and config.vocab_size % 64 == 0:
        what = f"padded vocabulary: {config.vocab_size:,} rows for the encoding's {encoding_size:,} tokens"
        yield Finding(
            "note", "padded-vocabulary", network.weight_of(TOKEN_TABLE), f"{what}; the last {more} spell nothing"
        )


def _dtypes(matched: Matched) -> Iterator[Finding]:
    by_dtype: dict[str, list[StoredTensor]] = defaultdict(list)
    for part in matched.parts():
        by_dtype[part.tensor.dtype].append(part.tensor)
    for dtype, tensors in by_dtype.items():
        if dtype not in WEIGHT_DTYPES:
            amount = f"{len(tensors)} tensors are" if len(tensors) > 1 else "it is"
            message = f"{amount} {dtype}, which is no format of GPT-2 weights; {_cure(dtype)}"
            yield Finding("error", "dtype", printable(tensors[0].name), message)
    if len(by_dtype) > 1:
        kinds = sorted(by_dtype.items(), key=lambda item: -len(item[1]))
        counted = ", ".join(f"{len(tensors)} in {COMMON_NAMES.get(dtype, dtype)}" for dtype, tensors in kinds)
        odd = printable(kinds[-1][1][0].name)
        yield Finding("warning", "mixed-dtypes", odd, f"dtypes are mixed: {counted}, among them this tensor")


def _cure(dtype: str) -> str:
    return "complex numbers are not a GPT's, so save real ones" if dtype in COMPLEX else "dequantise them first"


def _buffers(matched: Matched) -> Iterator[Finding]:
    if matched.buffers:
        bytes_ = sum(tensor.nbytes for tensor in matched.buffers)
        message = f"{len(matched.buffers)} mask buffers of {bytes_:,} bytes in all: no parameters, skipped"
        yield Finding("note", "mask-buffers", printable(matched.buffers[0].name), message)
