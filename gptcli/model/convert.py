"""The weights of one layout written in another, so that its own program loads them."""

import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from gptcli.architecture import Sizes, each_buffer, each_weight, shape_sizes
from gptcli.architecture.network import INDEX
from gptcli.architecture.roles import HEAD, TOKEN_TABLE
from gptcli.checkpoints import Layout, Recognised
from gptcli.checkpoints.content import head_is_copy
from gptcli.checkpoints.layouts import split_index
from gptcli.checkpoints.opening import CONFIG_KEY
from gptcli.checkpoints.pieces import Place, piece_shape, stored_shape
from gptcli.checkpoints.target import DIRECTORY_LAYOUT, SAFETENSORS_SUFFIX
from gptcli.checkpoints.writing import Planned, write_safetensors
from gptcli.config import KEYS, ModelConfig
from gptcli.config.dialects import settings_in
from gptcli.config.printable import printable
from gptcli.errors import GptcliError
from gptcli.files import WriteError
from gptcli.model.load import TORCH_DTYPES, WeightReader
from gptcli.reports.checkpoint import ConvertReport
from gptcli.reports.finding import DEPARTS, Finding

_GENERAL = "gptcli"  # the layout that holds every network
_GPT2 = ModelConfig(vocab_size=1, context_length=1, emb_dim=1, n_heads=1, n_layers=1)
# What a GPT-2 may have in one way or another.
_GPT2_KEYS = (
    "name", "vocab_size", "context_length", "emb_dim", "n_heads", "n_layers", "drop_rate", "qkv_bias", "bias",
    "activation", "weight_tying", "norm", "norm_eps", "init",
)  # fmt: skip

Counted = Callable[[Iterable[Planned], int], Iterable[Planned]]


def convert_checkpoint(
    recognised: Recognised, place: Path, target: str, layout: Layout, *, counted: Counted
) -> ConvertReport:
    """Write a checkpoint's weights in another layout, in their own dtype.

    Args:
        recognised: a checkpoint with a config and without errors.
        place: what takes the target's name afterwards (`opened_target`): a directory for Hugging Face, else a file.
        target: the name that the user gave, whose ending says the format of a file.
        layout: the layout to write.
        counted: passes tensors on, with their amount known, to show progress.

    Raises:
        GptcliError: the layout cannot hold this model.
        WriteError: what it is written to cannot be filled.
    """
    assert recognised.config is not None
    assert recognised.matched is not None
    their = _their_config(recognised, recognised.config, layout)
    planned = list(_plan(recognised, their, layout))
    files = _write(place, target, layout, their, planned, counted)
    return ConvertReport(
        config=their,
        path=printable(str(recognised.opened.path)),
        layout=recognised.matched.layout.name,
        target=printable(target),
        target_layout=layout.name,
        files=[printable(str(file)) for file in files],
        tensors=len(planned),
        bytes=sum(tensor.nbytes for tensor in planned),
        findings=[
            *(finding for finding in recognised.findings if finding.severity == "warning"),
            *_departures(recognised.config, their, layout),
        ],
    )


def _their_config(recognised: Recognised, config: ModelConfig, layout: Layout) -> ModelConfig:
    """Return the model as the layout's program will run it."""
    assert recognised.matched is not None
    own = next((key for key in KEYS if key not in _GPT2_KEYS and getattr(config, key) != getattr(_GPT2, key)), None)
    if layout.name != _GENERAL and own is not None:
        raise GptcliError(
            f"{layout.label} is written for GPT-2 alone, and this model has {own} {getattr(config, own)}; "
            f"--to {_GENERAL} keeps it"
        )
    their = layout.as_computed(config)
    if their.norm != config.norm:
        raise GptcliError(
            f"{layout.label} always computes norm {their.norm}, this model has {config.norm}, which other weights "
            "belong to; --to gptcli keeps it"
        )
    if (
        their.weight_tying
        and not config.weight_tying
        and not head_is_copy(recognised.matched, recognised.opened.source)
    ):
        raise GptcliError(
            f"{layout.label} ties the output head to the token embedding, and this checkpoint's head has weights of "
            "its own; --to huggingface or lecture keeps them"
        )
    return their


def _departures(config: ModelConfig, their: ModelConfig, layout: Layout) -> Iterator[Finding]:
    """Say what the other program computes in another way, though the weights are the same."""
    for key in ("activation", "norm_eps"):
        ours, other = getattr(config, key), getattr(their, key)
        if ours != other:
            message = f"{layout.label} always computes {key} {other}, this model has {ours}: its logits will differ"
            yield Finding("warning", DEPARTS, key, message)


def _plan(recognised: Recognised, their: ModelConfig, layout: Layout) -> Iterator[Planned]:
    """List the tensors of the layout's own state_dict; what the model lacks is zero, which computes the same."""
    assert recognised.matched is not None
    assert recognised.network is not None
    network = recognised.network.of(their)
    ways = layout.ways(network)
    reader = WeightReader(recognised)
    for weight in [*each_weight(network, network.sizes), *each_buffer(network)]:
        if weight.tied_to and not layout.stores_tied_head:
            continue
        pattern, block = split_index(weight.path)
        held = recognised.matched.weights
        path = weight.path if weight.path in held or weight.role != HEAD else network.weight_of(TOKEN_TABLE)
        dtype = held[path][min(held[path])].tensor.dtype if path in held else _usual_dtype(recognised)
        shape = shape_sizes(weight.shape, network.sizes)
        for name, place in ways[pattern][0]:
            make = _maker(reader, path if path in held else None, shape, dtype, place, network.sizes)
            lying = stored_shape(place, shape, network.sizes)
            yield Planned(name.replace(INDEX, str(block)), dtype, lying, make)
    if layout.mask is not None:
        for block in range(their.n_layers):
            yield _mask(layout.mask.replace(INDEX, str(block)), their.context_length)


def _usual_dtype(recognised: Recognised) -> str:
    assert recognised.matched is not None
    return next(part.tensor.dtype for part in recognised.matched.parts())


def _maker(
    reader: WeightReader, path: str | None, shape: tuple[int, ...], dtype: str, place: Place, sizes: Sizes
) -> Callable[[], memoryview]:
    def make() -> memoryview:
        if path is None:
            return _bytes(torch.zeros(piece_shape(place, shape, sizes), dtype=TORCH_DTYPES[dtype]))
        whole = reader.read(path, shape, TORCH_DTYPES[dtype])
        rows = whole.chunk(place.parts)[place.part] if place.parts > 1 else whole
        return _bytes(rows.t() if place.transposed else rows)

    return make


def _mask(name: str, context: int) -> Planned:
    """Plan the lecture's mask buffer: one above the diagonal, zero elsewhere."""
    return Planned(name, "F32", (context, context), lambda: _bytes(torch.ones(context, context).triu(1)))


def _bytes(tensor: Tensor) -> memoryview:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data


def _write(
    place: Path, target: str, layout: Layout, their: ModelConfig, planned: list[Planned], counted: Counted
) -> list[Path]:
    if layout.name == DIRECTORY_LAYOUT:
        names = _write_directory(place, layout, their, planned, counted)
        return [Path(target) / name for name in names]
    if Path(target).suffix.lower() == SAFETENSORS_SUFFIX:
        _write_safetensors(place, planned, counted, _metadata(layout, their))
    else:
        _write_pickle(place, layout, their, planned, counted)
    return [Path(target)]


def _metadata(layout: Layout, their: ModelConfig) -> dict[str, str]:
    metadata = {"format": "pt"}
    if layout.name == "gptcli":
        metadata[CONFIG_KEY] = msgspec.json.encode(their).decode()
    return metadata


def _write_safetensors(file: Path, planned: list[Planned], counted: Counted, metadata: dict[str, str]) -> None:
    try:
        write_safetensors(file, counted(planned, len(planned)), planned, metadata)
    except OSError as error:
        raise WriteError(error.strerror or str(error)) from None


def _write_pickle(file: Path, layout: Layout, their: ModelConfig, planned: list[Planned], counted: Counted) -> None:
    """Write with torch.save, which needs all tensors in memory."""
    state = {
        each.name: torch.frombuffer(bytearray(each.data()), dtype=TORCH_DTYPES[each.dtype]).view(each.shape)
        for each in counted(planned, len(planned))
    }
    content: object = state
    if layout.settings_key is not None:
        content = {"model": state, layout.settings_key: _settings(layout, their)}
    writer = _Writer(io.FileIO(file, "wb"))
    try:
        with writer:
            torch.save(content, writer)
    except (OSError, RuntimeError) as error:
        raise WriteError(writer.failed or str(error).splitlines()[0]) from None


def _settings(layout: Layout, their: ModelConfig) -> dict[str, object]:
    assert layout.dialect is not None, "a layout with settings says whose keys they are in"
    return settings_in(layout.dialect, their)


class _Writer(io.BufferedWriter):
    """A file for torch.save, which says of a write that failed only that it ended at an unexpected place."""

    failed: str | None = None

    def write(self, data: Any) -> int:
        """Write, and keep the reason why it cannot be done."""
        try:
            return super().write(data)
        except OSError as error:
            self.failed = error.strerror or str(error)
            raise


def _write_directory(
    folder: Path, layout: Layout, their: ModelConfig, planned: list[Planned], counted: Counted
) -> tuple[str, ...]:
    """Write what transformers loads, and return the names of the files."""
    names = ("config.json", "model.safetensors")
    _write_safetensors(folder / names[1], planned, counted, {"format": "pt"})
    settings = {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        **_settings(layout, their),
        "torch_dtype": str(TORCH_DTYPES[planned[0].dtype]).removeprefix("torch."),
    }
    encoded = msgspec.json.format(msgspec.json.encode(settings), indent=2)
    try:
        (folder / names[0]).write_bytes(encoded + b"\n")
    except OSError as error:
        raise WriteError(error.strerror or str(error)) from None
    return names
