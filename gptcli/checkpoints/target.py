"""Where a checkpoint can be written: judged by name and place, before anything is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

from gptcli.checkpoints.layouts import Layout
from gptcli.errors import InputError
from gptcli.files import check_ending, new_directory, replaced_file

SAFETENSORS_SUFFIX = ".safetensors"
PICKLE_SUFFIXES = (".pt", ".pth")
DIRECTORY_LAYOUT = "huggingface"
_ONLY_SAFETENSORS = "gptcli"
# What a directory is not called: somebody who writes this means a file.
_FILE_SUFFIXES = (SAFETENSORS_SUFFIX, *PICKLE_SUFFIXES, ".bin", ".ckpt", ".json", ".zip", ".gguf")


@contextmanager
def opened_target(target: str, layout: Layout) -> Iterator[Path]:
    """Give what takes the target's name when the block ends well: a directory for Hugging Face, else a file.

    Raises:
        InputError: the name or the place is no fit for the layout.
    """
    check_target(target, layout)
    with (new_directory if layout.name == DIRECTORY_LAYOUT else replaced_file)(target) as place:
        yield place


def check_target(target: str, layout: Layout) -> None:
    """Refuse a name that says another kind of file than the layout's.

    Raises:
        InputError: with a name that works.
    """
    suffix = PurePath(target).suffix
    if layout.name == DIRECTORY_LAYOUT:
        if suffix.lower() in _FILE_SUFFIXES:
            raise InputError(f"{target}: transformers loads a directory; name one, without {suffix}")
        return
    pickles = () if layout.name == _ONLY_SAFETENSORS else PICKLE_SUFFIXES
    endings = (SAFETENSORS_SUFFIX, *pickles)
    if not check_ending(target, f"the layout {layout.name}", endings):
        raise InputError(f"{target}: the name says no format; end it in {' or '.join(endings[:2])}")
