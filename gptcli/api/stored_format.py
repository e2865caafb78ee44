"""The format of a model's weights, where its config says how its maker stored them."""

from collections.abc import Callable, Mapping

from gptcli.config import ResolvedConfig
from gptcli.config.quantization import format_of
from gptcli.errors import InputError


def weights_format(resolved: ResolvedConfig, dtype: str | None, mode: str, note: Callable[[str], None]) -> str:
    """Return the format that weights are weighed in.

    Args:
        resolved: the config, which may have a ``quantization_config``.
        dtype: what ``--dtype`` says, or None.
        mode: what runs; nobody trains quantised weights.
        note: takes what was read off the config.

    Raises:
        InputError: the config's format cannot be told, and no other is asked for.
    """
    said = resolved.quantization
    if dtype is not None or mode == "training" or not said:
        return dtype or "fp32"
    found = format_of(said) if isinstance(said, Mapping) else "it is no mapping"
    if isinstance(found, str):
        raise InputError(
            f"quantization_config: {found}; use --dtype bf16, or another format, to weigh the model in that"
        )
    note(f"weights are in {found}, as quantization_config says; --dtype weighs them in another format")
    return str(found)
