"""Why a file cannot be had from the Hub, and what helps; whatever the client, the network or the server say."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from shlex import quote

from gptcli.hub.names import HubName
from gptcli.hub.place import model_page

# What the Hub says in a header beside the status (huggingface_hub/utils/_http.py, ``hf_raise_for_status``).
CODE_HEADER = "X-Error-Code"
_GATED, _NO_FILE, _NO_REVISION, _NO_MODEL = "GatedRepo", "EntryNotFound", "RevisionNotFound", "RepoNotFound"
_FIRST_ERROR = 400


class HubError(Exception):
    """A file of the Hub that cannot be had.

    Attributes:
        reason: why.
        way_out: what helps, beside fetching the file by hand; empty where nothing else does.
        by_hand: whether somebody else's program may fetch it.
        is_input: whether the command or its environment is to blame, and not the network.
    """

    def __init__(self, reason: str, way_out: str = "", *, by_hand: bool = True, is_input: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.way_out = reason, way_out
        self.by_hand, self.is_input = by_hand, is_input


class _RefusedError(HubError):
    """Nobody gets it by this name, or with this account."""

    def __init__(self, reason: str, way_out: str) -> None:
        super().__init__(reason, way_out, by_hand=False, is_input=True)


class NoSuchFileError(_RefusedError):
    """The model is there, the file is not."""

    def __init__(self, name: HubName, file: str) -> None:
        super().__init__(f"the Hub has no {file} for {name}", f"{model_page(name)} lists its files")


def not_installed() -> HubError:
    """Say that the client is missing, and how this environment gets it; it is a package that every index has."""
    install = f"{quote(sys.executable)} -m pip install huggingface_hub"
    return HubError("huggingface_hub is not installed", f"'{install}' lets gptcli fetch it", is_input=True)


def offline(variable: str) -> HubError:
    """Say that the user wants no network."""
    return HubError(f"{variable} is set", f"'unset {variable}' lets gptcli fetch it", is_input=True)


def answered(name: HubName, file: str, status: int, code: str | None) -> HubError:
    """Say what a status of the Hub means for a file.

    Args:
        name: the model.
        file: what was asked for.
        status: of HTTP.
        code: what the Hub says beside it, if it does.
    """
    page = model_page(name)
    log_in = "run 'hf auth login', or set HF_TOKEN to your token"
    if code == _GATED:
        return _RefusedError(f"{name.repository} is gated", f"ask for access at {page}, then {log_in}")
    if code == _NO_REVISION:
        return _RefusedError(f"{name.repository} has no revision {name.revision or 'main'}", f"{page} lists them")
    if code == _NO_FILE:
        return NoSuchFileError(name, file)
    if code == _NO_MODEL or status == 401:  # which the Hub answers for private models and for those that are not there
        known = f"the Hub has no {name.repository}, or it is private"
        return _RefusedError(known, f"look it up at {page}; for a private model {log_in}")
    if status == 404:
        return _RefusedError(f"the Hub has no {file} of {name}", f"look it up at {page}")
    if status == 403:
        return _RefusedError(f"the Hub refuses access to {name.repository}", f"see {page}, then {log_in}")
    if status == 429:
        return HubError("the Hub has had too many requests (status 429)", "try again in some minutes")
    return HubError(f"the Hub answers with status {status}", "try again later")


def unreachable(error: BaseException) -> HubError:
    """Say that no answer came, or half of one."""
    lines = str(error).strip().splitlines()
    return HubError(
        f"the connection to the Hub failed: {lines[0] if lines else type(error).__name__}", "try again later"
    )


@contextmanager
def explained(name: HubName, file: str) -> Iterator[None]:
    """Turn whatever the client and the network beneath it raise into a `HubError`."""
    try:
        yield
    except HubError:
        raise
    except Exception as error:  # of requests in older clients, of httpx in newer ones
        raise _explanation(name, file, error) from None


def _explanation(name: HubName, file: str, error: BaseException) -> HubError:
    cause: BaseException | None = error
    while cause is not None:  # the client wraps what happened in advice of its own
        response = getattr(cause, "response", None)
        if response is not None and response.status_code >= _FIRST_ERROR:  # too many redirects have an answer too
            return answered(name, file, response.status_code, response.headers.get(CODE_HEADER))
        last, cause = cause, cause.__cause__
    return unreachable(last)
