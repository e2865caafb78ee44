"""The folder of a model: where its ``config.json`` lies, other files belong to it too."""

from pathlib import Path

from gptcli.config.load import STDIN
from gptcli.config.names import HUB_FILE
from gptcli.config.presets import preset_named, preset_paths


def config_folder(source: str) -> Path | None:
    """Return the folder of a config that is ``config.json``, a folder with it, or a model's of the Hub.

    None for any other config, and where nothing of the Hub's model is in the cache.
    """
    if not source or source == STDIN or source in preset_paths():
        return None
    path = Path(source)
    try:
        if path.is_dir():
            return path
        if path.exists():
            return path.parent if path.name == HUB_FILE else None
    except (OSError, ValueError):  # `load_config` says what is wrong with it
        return None
    return None if preset_named(source) is not None else _cached(source)


def _cached(source: str) -> Path | None:
    from gptcli.hub import parse_hub_name  # presets and files start faster without it
    from gptcli.hub.cache import cached_file

    name = parse_hub_name(source)
    config = None if name is None else cached_file(name, HUB_FILE)
    return None if config is None else config.parent
