"""Reads out of the documentation what a reader would type, and what it says is printed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
CLI_PAGE = ROOT / "docs" / "cli.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_SHORT = re.compile(r"[a-z]+ --[a-z]")
_PROMPT = "$ "
_COMMAND = "gptcli"


class Example(NamedTuple):
    """What is typed.

    Attributes:
        place: page and line.
        typed: one line of a shell.
        output: the lines that the page shows below it, or None where it shows none.
    """

    place: str
    typed: str
    output: list[str] | None = None


def examples() -> list[Example]:
    """Return what all pages show: each line once, and once more for each output of it."""
    found = [example for page in PAGES for example in _of_page(page)]
    shown = {example.typed for example in found if example.output is not None}
    rest = {example.typed: example for example in reversed(found) if example.typed not in shown}
    return [example for example in found if example.output is not None or rest.get(example.typed) is example]


def text_blocks() -> list[tuple[str, str]]:
    """Return place and content of each block of text outside the page that is generated."""
    return [
        (place, content)
        for page in PAGES
        if page != CLI_PAGE
        for place, language, content in _blocks(page)
        if language == "text"
    ]


def languages() -> list[tuple[str, str]]:
    """Return place and language of each block."""
    return [(place, language) for page in PAGES for place, language, _ in _blocks(page)]


def _blocks(page: Path) -> Iterator[tuple[str, str, str]]:
    source = page.read_text(encoding="utf-8")
    for block in _BLOCK.finditer(source):
        line = source.count("\n", 0, block.start()) + 2
        yield f"{page.name}:{line}", block[1], block[2]


def _of_page(page: Path) -> Iterator[Example]:
    for place, language, content in _blocks(page):
        if page == CLI_PAGE:  # help: examples, of which nothing is shown
            yield from (Example(place, line.strip()[len(_PROMPT) :]) for line in _prompted(content))
        elif language == "text" and content.startswith(_PROMPT):
            typed, output = _session(content)
            yield Example(place, typed, output)
        elif language == "sh":
            yield from (Example(place, _without_comment(line)) for line in content.splitlines() if line.strip())
    if page != CLI_PAGE:
        for paragraph in paragraphs(page):
            for code in inline(paragraph):
                if code.startswith(f"{_COMMAND} "):
                    yield from (Example(page.name, typed) for typed in _alternatives(code))


def _prompted(content: str) -> list[str]:
    return [line for line in content.splitlines() if line.strip().startswith(f"{_PROMPT}{_COMMAND} ")]


def _session(content: str) -> tuple[str, list[str]]:
    """Cut a block into what is typed, which a backslash continues, and what is printed."""
    first, *rest = content.splitlines()
    typed = first[len(_PROMPT) :]
    while typed.endswith("\\"):
        typed = f"{typed[:-1].rstrip()} {rest.pop(0).strip()}"
    return typed, [line.rstrip() for line in rest]


def _without_comment(line: str) -> str:
    return re.sub(r"\s+#\s.*$", "", line).strip()


def paragraphs(page: Path) -> list[str]:
    """Return the paragraphs of a page, lines joined, without its blocks."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]


def inline(paragraph: str) -> list[str]:
    """Return what stands in code font; ``memory --budget 24GiB`` is short for a command line of ours."""
    found = [code.strip() for code in _INLINE.findall(paragraph) if code.strip()]
    return [f"{_COMMAND} {code}" if _SHORT.match(code) else code for code in found]


def _alternatives(code: str) -> list[str]:
    """``--solve batch|seq`` -> one line for each; a pipe has blanks around it."""
    for word in code.split():
        if "|" in word.strip("|"):
            return [typed for each in word.split("|") for typed in _alternatives(code.replace(word, each, 1))]
    return [code]


def fragments(page: Path) -> list[tuple[str, str | None]]:
    """Return each option in code font with the command that its paragraph named last before it."""
    found: dict[tuple[str, str | None], None] = {}
    for paragraph in paragraphs(page):
        command = None
        for code in inline(paragraph):
            if code.startswith(f"{_COMMAND} "):
                command = _alternatives(code)[0]
            elif re.match(r"--?[a-z]", code):
                found[code, command] = None
    return list(found)
