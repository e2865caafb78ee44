"""Everything between a person's ``-c``, ``--set`` and ``GPTCLI_*`` and a checked `ModelConfig`."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from gptcli.config.entries import OUR_DIALECT, Entry, Problem, Translation
from gptcli.config.input_text import MAX_BYTES
from gptcli.config.lecture_keys import is_lectures
from gptcli.config.model_config import KEYS, ModelConfig
from gptcli.config.names import HUB_FILE, model_name, name_from_path
from gptcli.config.presets import preset_named, preset_paths, preset_spellings
from gptcli.config.printable import printable, shortened
from gptcli.config.python_reader import without_assignment
from gptcli.config.scalars import resolve_scalar
from gptcli.config.together import check_together
from gptcli.config.validate import check_entry, check_missing
from gptcli.config.yaml_reader import read_yaml_mapping
from gptcli.errors import InputError, InputProblemsError, closest, did_you_mean
from gptcli.files import open_input, read_stdin

DEFAULT_CONFIG = "gpt2-124m"
STDIN = "-"
_ENV_PREFIX = "GPTCLI_"
_WRITTEN_OUT = 10**300  # Python refuses to write integers of more than 4,300 digits
_OTHER_VARIABLES = ("config", "debug")  # GPTCLI_CONFIG and GPTCLI_DEBUG, which hold no key of a config
_MOST_PROBLEMS = 100  # told at once; each looks for what was meant, which takes time


class ResolvedConfig(Struct, frozen=True):
    """A checked config.

    Attributes:
        config: the config.
        sources: for each of its keys where the value came from.
        dialect: whose keys the file is written in.
        overridden: the keys that a flag, ``--set`` or a variable gave, whatever the file says.
        notes: what the file says that was taken otherwise than somebody may expect, or not at all.
        quantization: its ``quantization_config`` as it stands.
    """

    config: ModelConfig
    sources: dict[str, str]
    dialect: str = OUR_DIALECT
    overridden: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    quantization: object = None


def load_config(
    source: str = DEFAULT_CONFIG,
    *,
    set_values: Iterable[str] = (),
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    counting: bool = False,
) -> ResolvedConfig:
    """Read a config and lay over it what the environment, ``--set`` and flags say, in that order.

    Args:
        source: a preset's name, a YAML or JSON file, a folder with ``config.json``, a model of the Hugging Face Hub by
            its name (`gptcli.config.from_hub`), or ``-`` for standard input; in our keys or in those of any dialect
            (`gptcli.config.dialects`).
        set_values: ``key=value`` strings.
        flags: values of dedicated options by config key (``weight_tying``); None means not given.
        environ: variables; those named ``GPTCLI_`` and a key in capitals count.
        counting: take a network too that can be counted and not run, with a note.

    Raises:
        InputError: no such preset or file, or it cannot be read.
        GptcliError: it cannot be fetched.
        InputProblemsError: everything that is wrong with the values, with places.
    """
    preset = _preset_of(source)
    place, data, default_name, is_path = _read_source(source, preset)
    entries, problems = read_yaml_mapping(without_assignment(data, place), place)
    if not is_path:
        entries = {key: replace(entry, place=f"{place}, line {entry.line}") for key, entry in entries.items()}
    file = _translated(entries, place)
    layers = (
        file.entries,
        _environment_entries(os.environ if environ is None else environ, problems),
        _set_entries(set_values, problems),
        _flag_entries(flags or {}),
    )
    left_out = [problem for problem in file.problems if problem.run_only and counting]
    problems += [problem for problem in file.problems if problem not in left_out]
    resolved = _resolve(layers, problems, file, place, default_name)
    notes = [f"{problem}; what is counted does not depend on it" for problem in left_out]
    return replace(resolved, notes=(*resolved.notes, *notes))


def config_from_mapping(mapping: Mapping[str, object], place: str, *, name: str) -> ModelConfig:
    """Return the config of `resolved_from_mapping` alone; raises as it does."""
    return resolved_from_mapping(mapping, place, name=name).config


def resolved_from_mapping(mapping: Mapping[str, object], place: str, *, name: str) -> ResolvedConfig:
    """Check a config that was read elsewhere, in any dialect: nanoGPT's ``model_args``, a parsed ``config.json``.

    Neither the environment nor ``--set`` has a say in it.

    Args:
        mapping: its values by key.
        place: where it comes from, for messages.
        name: the model's name if the mapping holds none.

    Raises:
        InputProblemsError: everything that is wrong with the values.
    """
    problems = [
        Problem(place, f"key {shortened(repr(key))} is not text") for key in mapping if not isinstance(key, str)
    ]
    entries = {key: _entry_of(value, place) for key, value in mapping.items() if isinstance(key, str)}
    file = _translated(entries, place)
    return _resolve([file.entries], [*problems, *file.problems], file, place, model_name(name))


def lay_over(
    config: ModelConfig,
    place: str,
    *,
    set_values: Iterable[str] = (),
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> ResolvedConfig:
    """Lay over a config that is there already what the environment, ``--set`` and flags say, as `load_config` does.

    Args:
        config: checked.
        place: where it is from, for messages.
        set_values: as for `load_config`.
        flags: as for `load_config`.
        environ: as for `load_config`.

    Raises:
        InputProblemsError: everything that is wrong with the values, with places.
    """
    problems: list[Problem] = []
    file = Translation({key: _entry_of(getattr(config, key), place) for key in KEYS}, [])
    layers = (
        file.entries,
        _environment_entries(os.environ if environ is None else environ, problems),
        _set_entries(set_values, problems),
        _flag_entries(flags or {}),
    )
    return _resolve(layers, problems, file, place, config.name)


def check_set_values(set_values: Iterable[str]) -> None:
    """Refuse what ``--set`` can never say, whatever it is laid over.

    Raises:
        InputProblemsError: unknown keys and values that no config has, all of them.
    """
    problems: list[Problem] = []
    entries = _set_entries(set_values, problems)
    found = (check_entry(key, entry)[1] for key, entry in entries.items())
    problems += [problem for problem in found if problem is not None]
    if problems:
        raise InputProblemsError(str(problem) for problem in problems)


def _translated(entries: dict[str, Entry], place: str) -> Translation:
    if entries.keys() <= set(KEYS) and not is_lectures(entries.keys()):
        return Translation(entries, [])
    from gptcli.config.dialects import translate  # files in our own keys start faster without it

    return translate(entries, place)


def _resolve(
    layers: Sequence[Mapping[str, Entry]], problems: list[Problem], file: Translation, place: str, default_name: str
) -> ResolvedConfig:
    merged: dict[str, Entry] = {}
    values: dict[str, object] = {}
    for layer in layers:
        for key, entry in layer.items():
            if len(problems) >= _MOST_PROBLEMS:
                problems.append(
                    Problem(entry.place, "is not looked at, nor is what follows: mend these first", entry.line)
                )
                raise _all_of(problems)
            value, problem = check_entry(key, entry)
            if problem is not None:
                problems.append(problem if entry.given else replace(problem, place=place))
                values.pop(key, None)
            else:
                values[key] = value
            merged[key] = entry
    problems += check_missing(merged, place, file.names)
    problems += check_together(values, merged, place)
    if problems:
        raise _all_of(problems)
    values.setdefault("name", default_name)
    sources = {key: merged[key].place if key in merged else "default" for key in KEYS}
    config = ModelConfig(**values)  # type: ignore[arg-type]  # check_entry converted each
    overridden = frozenset().union(*layers[1:])
    return ResolvedConfig(config, sources, file.dialect, overridden, file.notes, file.quantization)


def _all_of(problems: list[Problem]) -> InputProblemsError:
    in_order = sorted(dict.fromkeys(problems), key=lambda problem: problem.line)
    return InputProblemsError(str(problem) for problem in in_order)


def _preset_of(source: str) -> str | None:
    """Return the preset that a source names; its own name comes before a path, another spelling after it."""
    if source in preset_paths():
        return source
    return None if source == STDIN or _exists(Path(source)) else preset_named(source)


class _Read(NamedTuple):
    """What was read of a config.

    Attributes:
        place: to name in messages.
        data: the bytes.
        default_name: the model's, where the file gives none.
        is_path: whether people read the place as one, so that a line's number follows a colon.
    """

    place: str
    data: bytes
    default_name: str
    is_path: bool = True


def _read_source(source: str, preset: str | None) -> _Read:
    """Read a config, wherever it is."""
    if source == STDIN:
        return _Read("<stdin>", read_stdin(MAX_BYTES + 1), "stdin")
    if not source:
        raise InputError("--config is empty; name a preset ('gptcli config list') or a YAML or JSON file")
    path = Path(source) if preset is None else preset_paths()[preset]
    folder = preset is None and _is_folder(path)
    if folder:
        path /= HUB_FILE
    place = printable(str(path) if folder else source) if preset is None else f"preset {preset}"
    try:
        with open_input(path) as file:
            return _Read(place, file.read(MAX_BYTES + 1), name_from_path(path), preset is None)
    except FileNotFoundError:
        if folder:
            raise InputError(f"{source}: is a directory without {HUB_FILE}; name a YAML or JSON file") from None
        return _read_from_hub(source)
    except IsADirectoryError:
        raise InputError(f"{path}: is a directory; name a YAML or JSON file in it") from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _read_from_hub(source: str) -> _Read:
    """Read the config of a model of the Hub, by a name that is neither a preset's nor a file's."""
    from gptcli.config.from_hub import hub_config  # presets and files start faster without it

    hint = (
        did_you_mean(_without_ending(source.lower()), preset_spellings()) or "; 'gptcli config list' lists the presets"
    )
    name, path = hub_config(source, f"{source}: no such preset or file", hint)
    try:
        with open_input(path) as file:
            return _Read(f"Hub {name}", file.read(MAX_BYTES + 1), model_name(name.model), is_path=False)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError | ValueError) -> InputError:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return InputError(f"{path}: cannot be read: {reason}")


def _without_ending(name: str) -> str:
    """``gpt2.yaml`` -> ``gpt2``: who asks for a preset's file means the preset."""
    return name.removesuffix(".yaml").removesuffix(".yml").removesuffix(".json")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # what is wrong with the path is reported when it is opened
        return False


def _entry_of(value: object, place: str) -> Entry:
    """Return a value with its text as a file would have it; what no file can hold is an empty tuple, which fits no key.

    A tensor, say, cannot even be compared with 0.
    """
    if value is None or isinstance(value, bool):
        return Entry(value, {None: "null", True: "true", False: "false"}[value], place)
    if isinstance(value, int):
        return Entry(value, str(value) if abs(value) < _WRITTEN_OUT else "a number of hundreds of digits", place)
    if isinstance(value, str | float):
        return Entry(value, repr(value), place)
    return Entry(value if isinstance(value, list | dict) else (), f"a value of type {type(value).__name__}", place)


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
