"""The few styles that all commands use."""

TITLE = "bold"
TOTAL = "bold green"
NUMBER = ""
PATH = "cyan"
QUIET = "dim"
ACCENT = "bold yellow"
