"""Single small files of the Hub, fetched into its cache by its own client, which is imported only then."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import Any

from gptcli.hub.cache import cache_directory
from gptcli.hub.failures import HubError, explained, not_installed, offline
from gptcli.hub.names import HubName
from gptcli.hub.place import endpoint, file_address

CLIENT = "huggingface_hub"
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_TRUE = ("1", "ON", "YES", "TRUE")  # as the client reads them
TIMEOUT = 10  # seconds without a byte, as the client's own


def check_reachable() -> None:
    """Refuse where nothing may or can be fetched.

    Raises:
        HubError: the user is offline, or the client is not installed.
    """
    for variable in _OFFLINE:
        if os.environ.get(variable, "").upper() in _TRUE:
            raise offline(variable)
    if find_spec(CLIENT) is None:
        raise not_installed()


def fetch_file(name: HubName, file: str, limit: int) -> Path:
    """Fetch one file of a model into the cache, unless its newest version is there, and return where it lies.

    Args:
        name: the model.
        file: its file.
        limit: bytes; what is larger is not fetched.

    Raises:
        NoSuchFileError: the model has no such file.
        HubError: it cannot be had.
    """
    check_reachable()
    with explained(name, file), _without_bars():
        from huggingface_hub import get_hf_file_metadata, hf_hub_download

        size = get_hf_file_metadata(file_address(name, file), timeout=TIMEOUT).size
        if size is not None and size > limit:
            raise HubError(f"{file} of {name} has {size:,} bytes, and {limit:,} are the most that are read")
        return Path(
            hf_hub_download(
                name.repository,
                file,
                revision=name.revision,
                cache_dir=cache_directory(),
                etag_timeout=TIMEOUT,
                endpoint=endpoint(),
            )
        )


def download_command(name: HubName) -> str:
    """Return the command of the client that fetches all files of a model, as it can be typed here."""
    from shutil import which

    program = "hf" if which("hf") else quote(str(Path(sys.executable).with_name("hf")))
    revision = "" if name.revision is None else f" --revision {name.revision}"
    return f"{program} download {name.repository}{revision}"


@contextmanager
def _without_bars() -> Iterator[None]:
    """Let the client show no progress: a config is there before anybody has seen a bar."""
    utils = client_utils()
    if utils.are_progress_bars_disabled():
        yield
        return
    utils.disable_progress_bars()
    try:
        yield
    finally:
        utils.enable_progress_bars()


def client_utils() -> Any:
    """Import what the client lends to others; its names are there in all versions, its types are not."""
    return import_module(f"{CLIENT}.utils")
