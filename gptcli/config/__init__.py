"""Model configs: their keys, the presets, and every way to read one."""

from gptcli.config.folder import config_folder
from gptcli.config.load import (
    DEFAULT_CONFIG,
    STDIN,
    ResolvedConfig,
    check_set_values,
    config_from_mapping,
    lay_over,
    load_config,
    resolved_from_mapping,
)
from gptcli.config.model_config import KEYS, Activation, InitScheme, ModelConfig
from gptcli.config.presets import preset_named, preset_paths, preset_summary

__all__ = [
    "DEFAULT_CONFIG",
    "KEYS",
    "STDIN",
    "Activation",
    "InitScheme",
    "ModelConfig",
    "ResolvedConfig",
    "check_set_values",
    "config_folder",
    "config_from_mapping",
    "lay_over",
    "load_config",
    "preset_named",
    "preset_paths",
    "preset_summary",
    "resolved_from_mapping",
]
