"""Writes or checks what is generated or can go stale in the docs.

``python -m tools.docs --write`` renders docs/cli.md from ``--help``; ``--check`` fails where that would change
anything, where a relative link leads nowhere, or where a file named in docs/architecture.md does not exist.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CLI_PAGE = ROOT / "docs" / "cli.md"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
HEAD = """# Command line

Printed by `gptcli --help` and its subcommands; `make docs` rewrites this page.
"""


def main() -> int:
    """Write or check; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--write", action="store_true")
    mode.add_argument("--check", action="store_true")
    if parser.parse_args().write:
        CLI_PAGE.write_text(cli_page(), encoding="utf-8")
        return 0
    problems = [*stale_cli_page(), *dead_links(), *missing_files()]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def cli_page() -> str:
    """Return docs/cli.md."""
    sections = [HEAD]
    for command in [[], *command_paths()]:
        title = " ".join(["gptcli", *command])
        sections.append(f"## `{title}`\n\n```text\n{help_of(command)}\n```\n")
    return "\n".join(sections)


def command_paths() -> list[list[str]]:
    """Name every command and subcommand, in the order of the help screen."""
    import typer

    from gptcli.cli import app

    root = typer.main.get_command(app)
    context = typer.Context(root)
    paths = []
    for name in root.list_commands(context):  # type: ignore[attr-defined]
        paths.append([name])
        command = root.get_command(context, name)  # type: ignore[attr-defined]
        paths += [[name, sub] for sub in getattr(command, "commands", {})]
    return paths


def help_of(command: list[str]) -> str:
    """Return the help screen of a command at 80 columns."""
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}
    environment.pop("FORCE_COLOR", None)
    done = subprocess.run(
        [sys.executable, "-m", "gptcli", *command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip("\n").splitlines())


def stale_cli_page() -> list[str]:
    """Tell whether docs/cli.md is what --help says now."""
    current = CLI_PAGE.read_text(encoding="utf-8") if CLI_PAGE.exists() else ""
    return [] if current == cli_page() else ["docs/cli.md is stale; rewrite it with: make docs"]


def dead_links() -> list[str]:
    """Find relative links to files that do not exist."""
    return [
        f"{page.relative_to(ROOT)}: link to {target} leads nowhere"
        for page in PAGES
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]


def missing_files() -> list[str]:
    """Find paths in code font that look like this repository's and are not there."""
    return [
        f"{page.relative_to(ROOT)}: {path} does not exist"
        for page in PAGES
        for path in re.findall(
            r"`((?:gptcli|tests|docs|benchmarks|configs|tools)/[\w./-]*)`", page.read_text(encoding="utf-8")
        )
        if not (ROOT / path).exists()
    ]


if __name__ == "__main__":
    sys.exit(main())
