"""The reports of ``gptcli config``."""

from msgspec import Struct

from gptcli.config import ModelConfig
from gptcli.reports.report import Report


class ConfigSummary(Struct, frozen=True):
    """A preset in one line."""

    name: str
    summary: str
    parameters: int
    config: ModelConfig


class ConfigListReport(Report, frozen=True, kw_only=True):
    """The presets."""

    command: str = "config"
    presets: list[ConfigSummary]


class ConfigShowReport(Report, frozen=True, kw_only=True):
    """A resolved config and where each value came from."""

    command: str = "config"
    sources: dict[str, str]


class ValidatedFile(Struct, frozen=True):
    """A file that holds a valid config, and whose keys it is written in."""

    path: str
    dialect: str
    parameters: int
    config: ModelConfig


class ConfigValidateReport(Report, frozen=True, kw_only=True):
    """The files that were checked; one that is invalid ends the command with an error instead."""

    command: str = "config"
    files: list[ValidatedFile]
