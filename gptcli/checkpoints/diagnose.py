"""What names and shapes say: missing, unexpected, misshaped and transposed tensors."""

from collections import defaultdict
from collections.abc import Iterator

from gptcli.architecture import Network, Weight, each_buffer, each_weight, shape_sizes
from gptcli.architecture.network import INDEX
from gptcli.architecture.roles import HEAD, QUERY_KEY_VALUE, TOKEN_TABLE
from gptcli.checkpoints.layouts import split_index
from gptcli.checkpoints.matching import Matched, Part, sizes_in
from gptcli.checkpoints.pieces import EACH, Place, same_numbers, stored_shape
from gptcli.checkpoints.stored import COMMON_NAMES, COMPLEX, WEIGHT_DTYPES, StoredTensor
from gptcli.config import ModelConfig
from gptcli.config.printable import printable
from gptcli.reports.finding import Finding

_MOST_TOLD = 20  # findings of one kind; the rest is counted


def structure_findings(matched: Matched, network: Network, encoding_size: int) -> list[Finding]:
    """Compare the stored names and shapes with the described weights of a config.

    Args:
        matched: the stored tensors.
        network: what they should be.
        encoding_size: tokens of the encoding, beyond which rows of the vocabulary spell nothing.
    """
    weights = [*each_weight(network, network.sizes), *each_buffer(network)]
    described = {weight.path: shape_sizes(weight.shape, network.sizes) for weight in weights}
    return [
        *limited(list(_missing(matched, network, weights, described)), "missing"),
        *_quantised(matched),
        *limited(list(_unexpected(matched, network.config, described)), "unexpected"),
        *limited(list(_misshaped(matched, network, described)), "misshaped"),
        *_head(matched, network),
        *_padding(network, encoding_size),
        *_dtypes(matched),
        *_buffers(matched),
        *_left_out(matched),
        *_wrapped(matched),
    ]


def limited(findings: list[Finding], kind: str) -> list[Finding]:
    """Return the first findings, and one that counts the others."""
    if len(findings) <= _MOST_TOLD:
        return findings
    more = f"{len(findings) - _MOST_TOLD:,} more such tensors"
    return [*findings[:_MOST_TOLD], Finding(findings[0].severity, kind, "", more)]


def _missing(
    matched: Matched, network: Network, weights: list[Weight], described: dict[str, tuple[int, ...]]
) -> Iterator[Finding]:
    wanted: dict[int | None, set[str]] = defaultdict(set)
    lost: dict[int | None, list[str]] = defaultdict(list)
    shifts: set[str] = set()
    ways = matched.layout.ways(network)
    for weight in weights:
        pattern, block = split_index(weight.path)
        held = matched.weights.get(weight.path, {})
        way = next((part.place.spelling for part in held.values()), 0)
        for number, (name, place) in enumerate(_tensors(ways[pattern][way], described[weight.path])):
            stored = matched.wrapping.stored(name.replace(INDEX, str(block)))
            wanted[block].add(stored)
            if place.family == "norm" and place.name == "bias":
                shifts.add(stored)
            if number not in held and not weight.tied_to:
                lost[block].append(stored)
    lost = {block: list(dict.fromkeys(names)) for block, names in lost.items()}  # a tensor may hold two weights
    # Just the shifts of all norms are missing: so it is in a network with RMSNorm.
    only_shifts = shifts and shifts == {name for each in lost.values() for name in each}
    way_out = "; if its norms are RMSNorm, --set norm=rms_norm" if only_shifts else ""
    for block, stored_names in lost.items():
        if block is not None and len(stored_names) == len(wanted[block]):
            amount = f"all {len(stored_names)} tensors of it"
            message = f"block {block} of {network.config.n_layers} is missing, {amount}"
            yield Finding("error", "missing", f"{_block_path(stored_names[0])}", message)
        else:
            for stored in stored_names:
                message = f"missing: {_expectation(matched)} has such a tensor"
                yield Finding("error", "missing", stored, message + way_out)


def _tensors(way: list[tuple[str, Place]], described: tuple[int, ...]) -> Iterator[tuple[str, Place]]:
    """Yield the stored names of a weight, in the order of its rows; those of each expert where each has its own."""
    amount = described[0] if any(place.each for _, place in way) else 1
    for number in range(amount):
        for name, place in way:
            yield name.replace(EACH, str(number)), place


def _block_path(name: str) -> str:
    pieces = name.split(".")
    index = next(position for position, piece in enumerate(pieces) if piece.isdecimal())
    return ".".join(pieces[: index + 1])


def _expectation(matched: Matched) -> str:
    return f"a model of this config in the layout of {matched.layout.label}"


def _unexpected(matched: Matched, config: ModelConfig, described: dict[str, tuple[int, ...]]) -> Iterator[Finding]:
    model = matched.layout.family or "GPT-2"
    for tensor in matched.unexpected:
        if not tensor.name.endswith(_QUANTISED):
            message = f"unexpected: belongs to no part of a {model}"
            yield Finding("warning", "unexpected", printable(tensor.name), message)
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
    if part.place.name != "bias":
        return "that there is no such weight"
    if part.place.role == QUERY_KEY_VALUE:
        return "qkv_bias: false"
    return f"norm: {config.norm}" if part.place.family == "norm" and config.bias else "bias: false"


def _misshaped(matched: Matched, network: Network, described: dict[str, tuple[int, ...]]) -> Iterator[Finding]:
    for part in matched.parts():
        if part.path not in described:
            continue
        expected = stored_shape(part.place, described[part.path], sizes_in(network, part.block))
        if not same_numbers(part.tensor.shape, expected):
            yield _shape_finding(part, expected, network.config, matched)
        elif part.place.each and part.expert is not None and part.expert >= described[part.path][0]:
            message = f"unexpected: the config has {described[part.path][0]:,} of these, 0 to "
            yield Finding(
                "error", "unexpected", printable(part.tensor.name), f"{message}{described[part.path][0] - 1:,}"
            )


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
    name = matched.layout.names(network)[network.weight_of(HEAD)][0]
    table = matched.outside(TOKEN_TABLE).get(0)
    if table is not None and matched.wrapping.names.get(table.tensor.name) == name:
        message = "token embedding stored under this name alone: the head is tied to it"
        yield Finding("note", "tied-head", printable(table.tensor.name), message)
        return
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


def _quantised(matched: Matched) -> Iterator[Finding]:
    """Say of numbers that belong to packed or scaled weights what they are: nothing here undoes it."""
    found = [tensor for tensor in matched.unexpected if tensor.name.endswith(_QUANTISED)]
    if found:
        message = f"{len(found):,} tensors hold scales or packed numbers of quantised weights; dequantise them first"
        yield Finding("error", "quantised", printable(found[0].name), message)


# Of DeepSeek's FP8, MXFP4, GPTQ and AWQ, compressed-tensors, bitsandbytes.
_QUANTISED = (
    ".weight_scale_inv", "_blocks", "_scales", ".qweight", ".qzeros", ".scales", ".g_idx", ".weight_packed",
    ".weight_scale", ".weight_shape", ".input_scale", ".SCB", ".absmax", ".quant_map",
)  # fmt: skip


def _left_out(matched: Matched) -> Iterator[Finding]:
    for what, tensors in matched.left_out.items():
        bytes_ = sum(tensor.nbytes for tensor in tensors)
        message = f"{len(tensors):,} tensors of {bytes_:,} bytes belong to {what}, which are not run: left out"
        yield Finding("note", "left-out", printable(tensors[0].name), message)


def _wrapped(matched: Matched) -> Iterator[Finding]:
    """Say which words were taken for a training program's, not the network's."""
    wrapping = matched.wrapping
    around = [f"{printable(wrapping.prefix)!r} before them"] if wrapping.prefix else []
    around += [f"{printable(word)!r} inside" for word in wrapping.inside]
    if around:
        name = next((each for each, bare in wrapping.names.items() if each != bare), "")
        yield Finding("note", "wrapped", printable(name), f"names are read without {' and '.join(around)}")


def _dtypes(matched: Matched) -> Iterator[Finding]:
    by_dtype: dict[str, list[StoredTensor]] = defaultdict(list)
    for tensor in matched.parameters():
        by_dtype[tensor.dtype].append(tensor)
    for dtype, tensors in by_dtype.items():
        if dtype not in WEIGHT_DTYPES:
            amount = f"{len(tensors)} tensors are" if len(tensors) > 1 else "it is"
            message = (
                f"{amount} {dtype}, which is no format of {matched.layout.family or 'GPT-2'} weights; {_cure(dtype)}"
            )
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
        what = "buffers of masks and rotation" if matched.layout.family else "mask buffers"
        message = f"{len(matched.buffers)} {what} of {bytes_:,} bytes in all: no parameters, skipped"
        yield Finding("note", "mask-buffers", printable(matched.buffers[0].name), message)
