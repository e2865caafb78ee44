"""What every report begins with."""

from msgspec import Struct

from gptcli.config import ModelConfig


class Report(Struct, frozen=True, kw_only=True):
    """What every report begins with."""

    schema_version: int = 2
    command: str
    config: ModelConfig | None = None
