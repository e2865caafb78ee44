"""A check in a process of its own, and the verdict that comes back."""

import signal
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal

import msgspec

from gptcli import child
from gptcli.child import ChildError, started
from gptcli.errors import GptcliError, InputError, InputProblemsError
from gptcli.model.check.building.project import Project
from gptcli.model.check.target import Target
from gptcli.reports.check import CheckReport


class _Verdict(msgspec.Struct, frozen=True):
    """What comes back: a report, or the error that there was instead."""

    report: CheckReport | None = None
    error: Literal["", "failure", "input", "problems", "memory", "internal"] = ""
    lines: list[str] = []
    traceback: str = ""


def checked_apart(
    target: Target,
    check: Callable[[], CheckReport],
    limit: float | None,
    waiting: AbstractContextManager[None],
    at_once: float | None = None,
) -> CheckReport:
    """Run a check in a process of its own.

    Args:
        target: whose code it is.
        check: what to run.
        limit: seconds that it may take, or None.
        waiting: entered while it runs.
        at_once: seconds that their code may take to be loaded, to be built, or for one run; or None.

    Raises:
        InputError: the check raised one, their code ended the process, or the time was up.
        GptcliError: likewise.
    """
    with started(lambda: msgspec.json.encode(_verdict(check)), limit=limit) as process:
        try:
            with waiting:
                answer = process.result(limit, at_once)
        except ChildError as error:
            raise _silence(target, error, at_once) from None
    verdict = msgspec.json.decode(answer, type=_Verdict)
    if verdict.report is None:
        raise _raised(verdict)
    return verdict.report


def _verdict(check: Callable[[], CheckReport]) -> _Verdict:
    try:
        return _Verdict(report=check())
    except InputProblemsError as error:
        return _failed("problems", list(error.problems), error)
    except InputError as error:
        return _failed("input", [str(error)], error)
    except GptcliError as error:
        return _failed("failure", [str(error)], error)
    except MemoryError as error:
        return _failed("memory", [], error)
    except BaseException as error:  # theirs is caught where it is run; whatever this is, it is no success
        return _failed("internal", [f"{type(error).__name__}: {error}"], error)


def _failed(
    kind: Literal["failure", "input", "problems", "memory", "internal"], lines: list[str], error: BaseException
) -> _Verdict:
    text = "".join(traceback.format_exception(error))
    return _Verdict(error=kind, lines=[_encodable(line) for line in lines], traceback=_encodable(text))


def _encodable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _raised(verdict: _Verdict) -> Exception:
    """Return the error again; its traceback in the child is a note, for --debug."""
    error: Exception
    if verdict.error == "problems":
        error = InputProblemsError(verdict.lines)
    elif verdict.error == "input":
        error = InputError(verdict.lines[0])
    elif verdict.error == "failure":
        error = GptcliError(verdict.lines[0])
    elif verdict.error == "memory":
        error = MemoryError()
    else:
        error = GptcliError(f"internal: {verdict.lines[0]}; --debug shows the traceback")
    error.add_note(verdict.traceback)
    return error


def _silence(target: Target, error: ChildError, at_once: float | None) -> GptcliError:
    """Say how their code has kept the verdict from coming."""
    while_ = f" {error.doing}" if error.doing else ""
    if error.status is None:
        place = _running(target, error) if error.doing else str(target)
        if error.limit == at_once:
            return InputError(
                f"{place}: was still running after {error.limit:g} s{while_}; --timeout sets another limit, 0 none"
            )
        return InputError(
            f"{place}: did not finish within {error.limit:g} s, the time limit{while_}; --time-limit sets another, "
            "0 none"
        )
    if error.status == -signal.SIGKILL:
        killed = "was killed, as the system does when memory runs out"
        return GptcliError(f"{target}: {killed}{while_}; take a smaller model, as with -c tiny")
    if error.status < 0:
        name = signal.Signals(-error.status).name
        return InputError(f"{target}: crashed with {name}{while_}; nothing was checked")
    return InputError(
        f"{target}: ended the program with exit code {error.status}{while_}, as os._exit does; nothing was checked, so "
        "take that out"
    )


def _running(target: Target, error: ChildError) -> str:
    """Return which line of theirs was running, and which line of their file had led to it."""
    project = Project(target)
    for stack in reversed(error.stacks):  # the main thread comes last
        files = [file for file, _ in stack]
        ours = files.index(child.__file__) if child.__file__ in files else len(stack)
        lines = [f"{project.name(file)}:{line}" for file, line in stack[:ours] if project.has(file)]
        if lines:
            return lines[0] if lines[0] == lines[-1] else f"{lines[0]} (called from {lines[-1]})"
    return str(target)
