"""Models of the Hugging Face Hub by name: what its cache holds, single files of it, and ranges of large ones."""

from gptcli.hub.cache import cache_directory, snapshots
from gptcli.hub.names import HubName, looks_like_file, parse_hub_name

__all__ = ["HubName", "cache_directory", "looks_like_file", "parse_hub_name", "snapshots"]
