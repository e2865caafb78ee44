"""The folder of a model: where its ``config.json`` lies, other files belong to it too."""

from pathlib import Path

from gptcli.config.load import STDIN
from gptcli.config.names import HUB_FILE
from gptcli.config.presets import preset_paths


def config_folder(source: str) -> Path | None:
    """Return the folder of a config that is ``config.json`` or a folder with it; None for any other config."""
    if not source or source == STDIN or source in preset_paths():
        return None
    path = Path(source)
    try:
        if path.is_dir():
            return path
        return path.parent if path.name == HUB_FILE else None
    except (OSError, ValueError):  # `load_config` says what is wrong with it
        return None
