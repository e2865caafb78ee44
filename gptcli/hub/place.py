"""Where the Hub is, and where its files are there; by the variables of its client."""

import os
from urllib.parse import quote

from gptcli.hub.names import HubName

_DEFAULT = "https://huggingface.co"
_MAIN = "main"


def endpoint() -> str:
    """Return the address of the Hub, or of a mirror of it (``HF_ENDPOINT``)."""
    return (os.environ.get("HF_ENDPOINT") or _DEFAULT).rstrip("/")


def file_address(name: HubName, file: str) -> str:
    """Return where a file of a model can be fetched."""
    return f"{endpoint()}/{name.repository}/resolve/{quote(name.revision or _MAIN, safe='')}/{quote(file)}"


def model_page(name: HubName) -> str:
    """Return the page of a model for people."""
    return f"{endpoint()}/{name.repository}"
