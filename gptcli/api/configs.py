"""Configs: one that options choose, all presets, and files to validate."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gptcli.config import STDIN, ModelConfig, ResolvedConfig, load_config, preset_paths, preset_summary
from gptcli.config.printable import printable
from gptcli.errors import GptcliError, InputError, InputProblemsError

if TYPE_CHECKING:
    from gptcli.architecture import AttentionPath, Network
    from gptcli.reports.config import ConfigListReport, ConfigValidateReport


Note = Callable[[str], None]


def _unheard(_: str) -> None:
    """Let a note go."""


def resolve(
    config: str,
    set_values: Sequence[str] | None = None,
    tied: bool | None = None,
    *,
    init: str | None = None,
    note: Note = _unheard,
    counting: bool = False,
) -> ResolvedConfig:
    """Load a config and what lies over it.

    Args:
        config: a preset, a path, or ``-``.
        set_values: ``key=value``, as ``--set`` has them.
        tied: whether the head is the embedding; None for what the config says.
        init: how weights are drawn; likewise.
        note: takes what a config says that was taken otherwise than somebody may expect, or not at all.
        counting: take a network too that can be counted and not run.

    Raises:
        InputError: there is no such config, or it is invalid.
    """
    flags = {"weight_tying": tied, "init": init}
    resolved = load_config(config, set_values=set_values or (), flags=flags, counting=counting)
    for each in resolved.notes:
        note(each)
    return resolved


def described(
    config: str,
    set_values: Sequence[str] | None = None,
    tied: bool | None = None,
    attention: "AttentionPath" = "explicit",
    *,
    note: Note = _unheard,
) -> "Network":
    """Load a config as `resolve` and describe its network, to count it: the one value that a command passes on."""
    return network_of(resolve(config, set_values, tied, note=note, counting=True).config, attention)


def network_of(config: ModelConfig, attention: "AttentionPath" = "explicit") -> "Network":
    """Describe the network of a config."""
    from gptcli.architecture import describe

    return describe(config, attention)


def listed_presets() -> "ConfigListReport":
    """Return all presets with their sizes, the smallest first."""
    from gptcli.analysis.params import count_parameters
    from gptcli.reports.config import ConfigListReport, ConfigSummary

    presets = []
    for name, path in preset_paths().items():
        model = load_config(name, environ={}).config
        presets.append(ConfigSummary(name, preset_summary(path), count_parameters(network_of(model)), model))
    return ConfigListReport(presets=sorted(presets, key=lambda preset: preset.parameters))


def validated(paths: Sequence[str], note: Note = _unheard) -> "tuple[ConfigValidateReport, list[str]]":
    """Return the files that hold a valid config, and every problem of the others.

    Raises:
        InputError: standard input is asked for twice.
    """
    from gptcli.analysis.params import count_parameters
    from gptcli.reports.config import ConfigValidateReport, ValidatedFile

    if list(paths).count(STDIN) > 1:
        raise InputError("standard input can be read only once; name a file for one of the '-'")
    valid: list[ValidatedFile] = []
    problems: list[str] = []
    for path in paths:
        try:
            resolved = load_config(path, environ={})
            model = resolved.config
            for each in resolved.notes:
                note(each)
            valid.append(ValidatedFile(printable(path), resolved.dialect, count_parameters(network_of(model)), model))
        except GptcliError as error:
            problems += error.problems if isinstance(error, InputProblemsError) else [str(error)]
    return ConfigValidateReport(files=valid), problems
