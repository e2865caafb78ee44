"""Findings about files and networks as text."""

from collections.abc import Sequence

from rich.console import Group
from rich.text import Text

from gptcli.config.printable import printable
from gptcli.render.layout import pairs
from gptcli.render.styles import ACCENT, PATH, TITLE
from gptcli.reports.finding import Finding

STYLES = {"error": "bold red", "warning": ACCENT, "note": PATH}


def findings_text(findings: Sequence[Finding]) -> Group:
    """Lay out findings, each after its severity."""
    return pairs([(Text(each.severity, style=STYLES[each.severity]), _finding(each)) for each in findings])


def _finding(finding: Finding) -> Text:
    if not finding.path:
        return Text(printable(finding.message))
    return Text.assemble((printable(finding.path), TITLE), "\n", printable(finding.message))
