"""Weights of a checkpoint in the network: mapped from the file wherever its layout and dtype allow."""

from pathlib import Path

import torch
from torch import Tensor, nn

from gptcli.architecture import AttentionPath, each_buffer, shape_sizes
from gptcli.checkpoints.matching import sizes_in
from gptcli.checkpoints.pieces import views
from gptcli.checkpoints.recognition import Recognised
from gptcli.checkpoints.stored import BITS, StoredTensor
from gptcli.model.gpt import GPT
from gptcli.model.pickled import PickledSource
from gptcli.model.resident import give_back

TORCH_DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def load_model(
    recognised: Recognised, *, attention: AttentionPath = "sdpa", dtype: torch.dtype, device: str = "cpu"
) -> GPT:
    """Build the network of a checkpoint around the stored numbers.

    On the CPU and in the file's own dtype no weight is copied: a parameter is a view of the mapped file, of which the
    system reads the pages that are used; a matrix that is stored as (in, out) is viewed the other way round, and half
    of a stored tensor is a view too. What is stored in several tensors, or with its rows in another order, is copied
    into one weight, tensor by tensor.

    Args:
        recognised: a checkpoint with a config and without errors.
        attention: the path that runs.
        dtype: of parameters and activations.
        device: where they go.

    Raises:
        OSError: a file cannot be mapped.
    """
    assert recognised.network is not None
    assert recognised.matched is not None
    model = GPT(recognised.network.on(attention), dtype=dtype, device="meta")
    reader = WeightReader(recognised)
    filled: dict[int, nn.Parameter] = {}
    for path, empty in list(model.named_parameters(remove_duplicate=False)):
        if id(empty) not in filled:
            tensor = reader.read(path, tuple(empty.shape), dtype, device)
            filled[id(empty)] = nn.Parameter(tensor, requires_grad=False)
        module_path, _, name = path.rpartition(".")
        setattr(model.get_submodule(module_path), name, filled[id(empty)])
    for buffer in each_buffer(recognised.network):
        module_path, _, name = buffer.path.rpartition(".")
        shape = shape_sizes(buffer.shape, recognised.network.sizes)
        setattr(model.get_submodule(module_path), name, reader.read(buffer.path, shape, torch.float32, device))
    return model.eval()


class WeightReader:
    """Gives the weights of a checkpoint as the network has them."""

    def __init__(self, recognised: Recognised) -> None:
        assert recognised.matched is not None
        assert recognised.network is not None
        self._network = recognised.network
        self._source = recognised.opened.source
        self._weights = recognised.matched.weights
        self._maps: dict[Path, Tensor] = {}

    def read(self, path: str, shape: tuple[int, ...], dtype: torch.dtype, device: str = "cpu") -> Tensor:
        """Return a weight of a shape, rows being outputs, from the tensors that hold it.

        Raises:
            OSError: a file cannot be mapped.
        """
        parts = [part for _, part in sorted(self._weights[path].items())]
        stored = [self._stored(part.tensor) for part in parts]
        cut = [
            views(part.place, tensor, shape, sizes_in(self._network, part.block))
            for part, tensor in zip(parts, stored, strict=True)
        ]
        if len(parts) == 1 and len(cut[0]) == 1 and not parts[0].place.each:
            (view,) = cut[0]
            tensor: Tensor = view.to(device=device, dtype=dtype)
            if tensor.untyped_storage().data_ptr() != view.untyped_storage().data_ptr():
                give_back(stored[0])
            return tensor
        tensor = torch.empty(shape, dtype=dtype, device=device)
        start = 0
        for part, given, pieces in zip(parts, stored, cut, strict=True):
            whole, axis = (tensor if part.expert is None else tensor[part.expert]), part.place.rows_axis
            start = 0 if part.place.part == 0 else start
            for view in pieces:
                whole.narrow(axis, start, view.shape[axis]).copy_(view)
                start += view.shape[axis]
            give_back(given)
        return tensor

    def _stored(self, tensor: StoredTensor) -> Tensor:
        if isinstance(self._source, PickledSource):
            return self._source.values[tensor.name]
        assert tensor.offset is not None
        whole = self._mapped(tensor.file)
        data = whole[tensor.offset : tensor.offset + tensor.nbytes]  # (bytes,)
        if tensor.offset % (BITS[tensor.dtype] // 8):  # legal in a file, but no address for such a number
            data = data.clone()
        return data.view(TORCH_DTYPES[tensor.dtype]).view(tensor.shape)

    def _mapped(self, file: Path) -> Tensor:
        if file not in self._maps:
            storage = torch.UntypedStorage.from_file(str(file), False, file.stat().st_size)
            self._maps[file] = torch.empty(0, dtype=torch.uint8).set_(storage)  # type: ignore[arg-type]  # (bytes,)
        return self._maps[file]
