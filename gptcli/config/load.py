"""Everything between a person's ``-c``, ``--set`` and ``GPTCLI_*`` and a checked `ModelConfig`."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gptcli.config.entries import Entry, Problem
from gptcli.config.model_config import KEYS, LONGEST_NAME, UNNAMED, ModelConfig
from gptcli.config.presets import preset_paths
from gptcli.config.printable import printable
from gptcli.config.scalars import resolve_scalar
from gptcli.config.validate import check_entry, check_missing, check_together
from gptcli.config.yaml_reader import MAX_BYTES, read_yaml_mapping
from gptcli.errors import InputError, InputProblemsError, closest, did_you_mean
from gptcli.files import read_stdin

DEFAULT_CONFIG = "gpt2-124m"
STDIN = "-"
_ENV_PREFIX = "GPTCLI_"
_OTHER_VARIABLES = ("config", "debug")  # GPTCLI_CONFIG and GPTCLI_DEBUG, which hold no key of a config


class ResolvedConfig(Struct, frozen=True):
    """A checked config, and for each of its keys where the value came from."""

    config: ModelConfig
    sources: dict[str, str]


def load_config(
    source: str = DEFAULT_CONFIG,
    *,
    set_values: Iterable[str] = (),
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> ResolvedConfig:
    """Read a config and lay over it what the environment, ``--set`` and flags say, in that order.

    Args:
        source: a preset's name, a path, or ``-`` for standard input.
        set_values: ``key=value`` strings.
        flags: values of dedicated options by config key (``weight_tying``); None means not given.
        environ: variables; those named ``GPTCLI_`` and a key in capitals count.

    Raises:
        InputError: no such preset or file, or it cannot be read.
        InputProblemsError: everything that is wrong with the values, with places.
    """
    place, data, default_name = _read_source(source)
    entries, problems = read_yaml_mapping(data, place)
    if source in preset_paths():
        entries = {key: replace(entry, place=f"{place}, line {entry.line}") for key, entry in entries.items()}
    layers = (
        entries,
        _environment_entries(os.environ if environ is None else environ, problems),
        _set_entries(set_values, problems),
        _flag_entries(flags or {}),
    )
    return _resolve(layers, problems, place, default_name)


def _resolve(
    layers: Iterable[Mapping[str, Entry]], problems: list[Problem], place: str, default_name: str
) -> ResolvedConfig:
    merged: dict[str, Entry] = {}
    values: dict[str, object] = {}
    for layer in layers:
        for key, entry in layer.items():
            value, problem = check_entry(key, entry)
            if problem is not None:
                problems.append(problem)
                values.pop(key, None)
            else:
                values[key] = value
            merged[key] = entry
    problems += check_missing(merged, place)
    problems += check_together(values, merged)
    if problems:
        raise InputProblemsError(str(problem) for problem in sorted(problems, key=lambda problem: problem.line))
    values.setdefault("name", default_name)
    sources = {key: merged[key].place if key in merged else "default" for key in KEYS}
    return ResolvedConfig(ModelConfig(**values), sources)  # type: ignore[arg-type]  # check_entry converted each


def _read_source(source: str) -> tuple[str, bytes, str]:
    """Return the place to name in messages, the bytes, and the model's name where the file gives none."""
    if source == STDIN:
        return "<stdin>", read_stdin(MAX_BYTES + 1), "stdin"
    if not source:
        raise InputError("--config is empty; name a preset ('gptcli config list') or a YAML file")
    presets = preset_paths()
    path = presets.get(source, Path(source))
    place = f"preset {source}" if source in presets else printable(source)
    try:
        with path.open("rb") as file:
            return place, file.read(MAX_BYTES + 1), _name_from(path.stem)
    except FileNotFoundError:
        hint = did_you_mean(source.lower(), presets) or f"; presets are {', '.join(presets)}"
        raise InputError(f"{source}: no such preset or file{hint}") from None
    except IsADirectoryError:
        raise InputError(f"{source}: is a directory; name a YAML file in it") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{source}: cannot be read: {reason}") from None


def _name_from(stem: str) -> str:
    """Make the name of a file one that a model may have."""
    return "".join(filter(str.isprintable, stem)).strip()[:LONGEST_NAME] or UNNAMED


def _environment_entries(environ: Mapping[str, str], problems: list[Problem]) -> dict[str, Entry]:
    """Take ``GPTCLI_N_LAYERS`` and its like; a near miss is an error, any other name is not ours to judge."""
    entries = {}
    for variable, text in environ.items():
        key = variable.removeprefix(_ENV_PREFIX).lower()
        if not variable.startswith(_ENV_PREFIX) or key in _OTHER_VARIABLES:
            continue
        if key in KEYS:
            entries[key] = Entry(resolve_scalar(text), text, variable)
        elif near := closest(key, (*KEYS, *_OTHER_VARIABLES)):
            problems.append(Problem(variable, f"no such variable (did you mean '{_ENV_PREFIX}{near.upper()}'?)"))
    return entries


def _set_entries(set_values: Iterable[str], problems: list[Problem]) -> dict[str, Entry]:
    entries = {}
    for given in set_values:
        key, equals, text = given.partition("=")
        place = f"--set {printable(given)}"
        if not equals or not key:
            problems.append(Problem(place, "expected key=value, e.g. --set n_layers=24"))
        else:
            entries[key.strip()] = Entry(resolve_scalar(text.strip()), text.strip(), place)
    return entries


def _flag_entries(flags: Mapping[str, object]) -> dict[str, Entry]:
    return {key: Entry(value, str(value), _flag_name(key, value)) for key, value in flags.items() if value is not None}


def _flag_name(key: str, value: object) -> str:
    if key == "weight_tying":
        return "--tied" if value else "--untied"
    return f"--{key.replace('_', '-')}"
