"""The text of a config file: its limits, its encoding, and errors that end its reading."""

from gptcli.config.entries import Problem
from gptcli.errors import InputProblemsError

MAX_BYTES = 2**20
MAX_DEPTH = 20


def decode(data: bytes, place: str) -> str:
    """Return the text of a file; refuse one that is too long, no UTF-8, or blank."""
    if len(data) > MAX_BYTES:
        raise fatal(place, 0, f"is over {MAX_BYTES:,} bytes; a model config has a dozen lines")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise fatal(place, line, f"byte 0x{data[error.start]:02X} is not UTF-8; save the file as UTF-8") from None
    if not text.strip():
        raise fatal(place, 0, "is empty; 'gptcli config show tiny' prints a config to start from")
    return text


def looks_like_json(text: str) -> bool:
    """Return whether a JSON object starts here, so that a reader of YAML may find one."""
    return text.lstrip().startswith("{")


def fatal(place: str, line: int, message: str) -> InputProblemsError:
    """Make the error that ends the reading of a file at a line, or of the file as a whole at line 0."""
    return InputProblemsError([str(Problem(f"{place}:{line}" if line else place, message, line))])
