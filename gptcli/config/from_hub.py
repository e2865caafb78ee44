"""The ``config.json`` of a model of the Hugging Face Hub: from its cache, or fetched alone."""

from pathlib import Path

from gptcli.config.input_text import MAX_BYTES
from gptcli.config.names import HUB_FILE
from gptcli.config.printable import printable
from gptcli.errors import GptcliError, InputError
from gptcli.hub import HubName, cache_directory, parse_hub_name
from gptcli.hub.cache import cached_file
from gptcli.hub.place import file_address


def hub_config(source: str, missing: str, hint: str) -> tuple[HubName, Path]:
    """Return the model that a name means, and where its config lies now.

    The network is asked only for names with an owner: any other is more likely a preset's, mistyped.

    Args:
        source: a name that is neither a preset nor a file.
        missing: that it is neither, for messages.
        hint: what else may be meant, where the network is not asked.

    Raises:
        InputError: there is no such model, or nothing may be fetched.
        GptcliError: it cannot be fetched.
    """
    name = parse_hub_name(source)
    if name is None:
        raise InputError(f"{missing}{hint}")
    if (cached := cached_file(name, HUB_FILE)) is not None:
        return name, cached
    if not name.has_owner:
        raise InputError(f"{missing}{hint}")
    return name, _fetched(name, missing)


def _fetched(name: HubName, missing: str) -> Path:
    from gptcli.hub.client import fetch_file
    from gptcli.hub.failures import HubError

    try:
        return fetch_file(name, HUB_FILE, MAX_BYTES)
    except HubError as error:
        where = f"{missing}, and not in the Hugging Face cache ({printable(str(cache_directory()))})"
        way_out = _or_by_hand(name, error.way_out) if error.by_hand else error.way_out
        kind = InputError if error.is_input else GptcliError
        raise kind(f"{where}; {printable(error.reason)}; {way_out}") from None


def _or_by_hand(name: HubName, way_out: str) -> str:
    by_hand = f"fetch {file_address(name, HUB_FILE)} yourself and name the file"
    return f"{way_out}, or {by_hand}" if way_out else by_hand
