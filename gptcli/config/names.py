"""The name of a model whose config states none: that of the file, of its folder, or of what it was loaded from."""

from pathlib import Path

from gptcli.config.model_config import LONGEST_NAME, UNNAMED

HUB_FILE = "config.json"


def model_name(text: str) -> str:
    """Make a name that a model may have of any text."""
    return "".join(filter(str.isprintable, text)).strip()[:LONGEST_NAME] or UNNAMED


def name_from_path(path: Path) -> str:
    """Return a model's name from its file; ``config.json`` is what every model's file is called, so the folder's."""
    return model_name(_folder_name(path.parent) if path.name == HUB_FILE else path.stem)


def _folder_name(folder: Path) -> str:
    # Links stay what they are called: downloads are kept under a checksum and linked to.
    return (folder.resolve() if folder.name in ("", "..") else folder).name
