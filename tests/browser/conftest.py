"""The browser that the page is opened in: Debian's Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any, NoReturn

import pytest

from gptcli.cli import run

ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
TEXT = "Every effort moves you"

Open = Callable[..., Any]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Start the browser once; where there is none the tests are skipped, but not in CI."""
    program = shutil.which("chromium")
    if program is None:
        _without("chromium is not installed: apt-get install chromium")
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        except Error as error:
            _without(f"{program} does not start: {str(error).splitlines()[0]}")
        yield started
        started.close()


def _without(reason: str) -> NoReturn:
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


@pytest.fixture
def open_page(browser: Any) -> Iterator[Open]:
    """Open a file; when the test ends, nothing may have been asked for, said or thrown but the file itself."""
    contexts: list[Any] = []
    told: list[str] = []
    asked: list[str] = []
    expected: list[str] = []

    def refuse(dialog: Any) -> None:
        told.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def opened(path: Path, *, width: int = 1280, height: int = 900, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce", **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("dialog", refuse)
        page.on("request", lambda request: asked.append(request.url))
        expected.append(path.as_uri())
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert (told, asked) == ([], expected)


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core."""
    return resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of a run."""
    path = tmp_path_factory.mktemp("page") / "trace.html"
    assert run(["trace", TEXT, "-c", "tiny", "--device", "cpu", "--html", str(path)]) == 0
    return path


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the default model, without a run."""
    path = tmp_path_factory.mktemp("page") / "flow.html"
    assert run(["flow", TEXT, "-o", str(path)]) == 0
    return path
