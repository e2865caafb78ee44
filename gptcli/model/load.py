"""Weights of a checkpoint in the network: mapped from the file wherever its layout and dtype allow."""

from pathlib import Path

import torch
from torch import Tensor, nn

from gptcli.architecture import AttentionPath
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
    system reads the pages that are used; a matrix that is stored as (in, out) is viewed the other way round. Query,
    key and value that are stored apart are copied into one weight, block by block.

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
    return model.eval()


class WeightReader:
    """Gives the weights of a checkpoint as the network has them."""

    def __init__(self, recognised: Recognised) -> None:
        assert recognised.matched is not None
        self._source = recognised.opened.source
        self._weights = recognised.matched.weights
        self._maps: dict[Path, Tensor] = {}

    def read(self, path: str, shape: tuple[int, ...], dtype: torch.dtype, device: str = "cpu") -> Tensor:
        """Return a weight of a shape, rows being outputs, from the tensors that hold it.

        Raises:
            OSError: a file cannot be mapped.
        """
        parts = [part for _, part in sorted(self._weights[path].items())]
        if len(parts) == 1:
            stored = self._stored(parts[0].tensor)
            lying = stored.t() if parts[0].place.transposed else stored
            tensor = lying.to(device=device, dtype=dtype)
            if tensor.data_ptr() != stored.data_ptr():
                give_back(stored)
            return tensor
        tensor = torch.empty(shape, dtype=dtype, device=device)
        for part, rows in zip(parts, tensor.chunk(len(parts)), strict=True):
            stored = self._stored(part.tensor)
            rows.copy_(stored.t() if part.place.transposed else stored)
            give_back(stored)
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
