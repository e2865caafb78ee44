"""``gptcli config`` as text."""

import re

import msgspec
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from gptcli.config import KEYS, ModelConfig
from gptcli.config.printable import printable
from gptcli.config.scalars import resolve_scalar, suggest_spelling
from gptcli.render.console import PATH, QUIET, TITLE, TOTAL, plain_table
from gptcli.render.layout import pairs
from gptcli.render.units import count, short_count
from gptcli.reports.config import ConfigListReport, ConfigShowReport, ConfigValidateReport


def config_list_text(report: ConfigListReport) -> Group:
    """One line a preset; what it is stands under the table, where it has room."""
    table = plain_table(too_narrow="names above")
    table.add_column("Preset", style=TITLE, no_wrap=True)
    for heading in ("Layers", "Width", "Heads", "KV", "Context", "Parameters"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Head", no_wrap=True)
    for preset in report.presets:
        model = preset.config
        shared = "latent" if model.kv_lora_rank else model.n_kv_groups or model.n_heads
        sizes = map(str, (model.n_layers, model.emb_dim, model.n_heads, shared, model.context_length))
        table.add_row(preset.name, *sizes, short_count(preset.parameters), "tied" if model.weight_tying else "untied")
    summaries = pairs([(preset.name, preset.summary) for preset in report.presets], style=TITLE)
    note = Text("A preset is a shape, not a trained model: none of them brings weights.", style=QUIET)
    return Group(table, "", summaries, "", note)


class _ConfigYaml:
    """Valid YAML, the origin of each value as a comment: beside it, or below it where the screen is narrow."""

    def __init__(self, report: ConfigShowReport, *, every_key: bool) -> None:
        shown = [key for key in KEYS if every_key or _tells(report, key)]
        self._lines = [(key, _yaml(getattr(report.config, key)), printable(report.sources[key])) for key in shown]
        self._left_out = len(KEYS) - len(shown)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Break nothing else, because a wrapped line is no YAML."""
        width = max(cell_len(f"{key}: {value}") for key, value, _ in self._lines)
        beside = all(width + cell_len(f"  # {source}") <= options.max_width for *_, source in self._lines)
        for key, value, source in self._lines:
            setting = Text.assemble((key, PATH), ": ", (value, TITLE), no_wrap=True)
            padding = " " * (width - setting.cell_len) if beside else "\n"
            yield setting.append(f"{padding}  # {source}", style=QUIET)
        if self._left_out:
            yield Text(f"# {self._left_out} more, as in GPT-2: --all", style=QUIET, no_wrap=True)


def _tells(report: ConfigShowReport, key: str) -> bool:
    """Return whether a key is one of the lecture's and those beside them, or says something that GPT-2 does not."""
    return KEYS.index(key) < _ALWAYS or getattr(report.config, key) != _DEFAULTS[key]


_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(ModelConfig)}
_ALWAYS = KEYS.index("init") + 1


def config_show_text(report: ConfigShowReport, *, every_key: bool) -> RenderableType:
    """Valid YAML, the origin of each value as a comment; to be printed unwrapped, because a wrapped line is no YAML.

    Args:
        report: the config.
        every_key: list those too that only say what GPT-2 has anyway.
    """
    return _ConfigYaml(report, every_key=every_key)


def config_validate_text(report: ConfigValidateReport) -> Group:
    """One line a valid file; the invalid ones are reported as errors."""
    lines: list[RenderableType] = []
    for file in report.files:
        facts = f"  valid: {file.config.name}, {count(file.parameters)} parameters, {file.dialect}'s keys"
        lines.append(Text.assemble((printable(file.path), TITLE), (facts, TOTAL)))
    return Group(*lines)


def _yaml(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value if _reads_back_plain(value) else _quoted(value)
    return repr(value)


def _reads_back_plain(text: str) -> bool:
    """Return whether YAML reads the unquoted text as this text, by the rules of 1.1 too."""
    plain = re.fullmatch(r"\w[\w.-]*", text) is not None and not text[0].isdecimal()
    return plain and resolve_scalar(text) == text and suggest_spelling(text, bool) is None


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()  # a JSON string is a double-quoted scalar of YAML
