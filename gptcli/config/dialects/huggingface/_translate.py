"""From a ``config.json`` to our keys."""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache

import msgspec
from msgspec.structs import replace

from gptcli.config.dialects.huggingface import families
from gptcli.config.dialects.huggingface._classes import ConfigClass, class_of
from gptcli.config.dialects.huggingface._family import Family
from gptcli.config.dialects.huggingface._nested import taken_out
from gptcli.config.dialects.huggingface._passed_over import PASSED_OVER
from gptcli.config.dialects.huggingface._settings import Settings, UnreadableError
from gptcli.config.entries import Entry, Problem, Translation
from gptcli.config.names import model_name
from gptcli.config.printable import shortened
from gptcli.errors import InputProblemsError, did_you_mean

NAME = "Hugging Face"
_WITHOUT_TYPE = "gpt2"  # files of GPT-2 that say nothing else
_OURS_ALONE = ("model_type", "architectures", "auto_map", "_name_or_path", "quantization_config", "text_config")
_MOST_NOTED = 8
# Keys of every class that may only be empty.
_EMPTY = {
    "pruned_heads": "but gptcli's layers have all their heads; write {}",
    "per_layer_config": "but gptcli's layers have no configs of their own; write {}",
}


def translate(entries: Mapping[str, Entry], place: str) -> Translation:
    """Bring what a file says into our keys.

    Raises:
        InputProblemsError: its model_type is none that gptcli builds.
    """
    notes: list[str] = []
    entries = taken_out(entries, notes)
    model_type = _model_type(entries, place)
    family, config_class = family_of(model_type), class_of(_file_of(model_type))
    entries, problems = _by_their_own_names(entries, config_class)
    nulls = _nulls(entries, config_class)
    problems += nulls.values()
    entries = {key: entry for key, entry in entries.items() if key not in nulls}
    has = Settings({key: entry for key, entry in entries.items() if key not in PASSED_OVER}, config_class, place)
    translated = {ours: _implied(value, config_class) for ours, value in family.implied.items()}
    translated["family"] = _implied("" if model_type == _WITHOUT_TYPE else model_type, config_class)
    translated |= _renamed(has, family) | _worked_out(has, family, problems)
    translated |= _named(entries)
    problems += [*_unrepresented(has, family, config_class)]
    unknown = _unknown(entries, family, config_class)
    if "model_type" not in entries:
        problems += [_may_change(key, entries[key]) for key in unknown]
        unknown = []
    notes += [*has.notes, *_noted(entries, unknown, config_class, model_type)]
    names = {ours: theirs for theirs, ours in family.keys.items()}
    quantization = entries["quantization_config"].value if "quantization_config" in entries else None
    return Translation(translated, problems, NAME, names, tuple(notes), quantization)


@cache
def known_families() -> tuple[str, ...]:
    """Return every model_type that is read."""
    found = (module.name for module in pkgutil.iter_modules(families.__path__) if not module.name.startswith("_"))
    return tuple(sorted({"openai_gpt": "openai-gpt"}.get(name, name) for name in found))


def family_of(model_type: str) -> Family:
    """Return the family of a model_type; raises ImportError where there is none."""
    found = importlib.import_module(f"{families.__name__}.{_file_of(model_type)}").FAMILY
    assert isinstance(found, Family)
    return found


def _file_of(model_type: str) -> str:
    return model_type.replace("-", "_")


def _model_type(entries: Mapping[str, Entry], place: str) -> str:
    """Return the family that a file is of.

    Raises:
        InputProblemsError: none that gptcli builds.
    """
    entry = entries.get("model_type")
    if entry is None:
        return _of_architecture(entries, place)
    if isinstance(entry.value, str) and entry.value in known_families():
        return entry.value
    near = did_you_mean(entry.value.lower(), known_families()) if isinstance(entry.value, str) else ""
    code = ", and it runs no code that comes with a model (auto_map)" if "auto_map" in entries else ""
    what = f"{entry.key or 'model_type'} is {shortened(entry.text)}"
    raise _fatal(entry, f"{what}, but gptcli does not build it{code}{near}")


def _of_architecture(entries: Mapping[str, Entry], place: str) -> str:
    """Return the family of a file without a model_type: that of its class, or GPT-2."""
    entry = entries.get("architectures")
    if entry is None or entry.value in (None, []):
        if "auto_map" in entries:
            code = "auto_map is a mapping, and gptcli runs no code that comes with a model"
            raise _fatal(entries["auto_map"], f"{code}; add a model_type")
        return _WITHOUT_TYPE
    word = str(entry.value[0] if isinstance(entry.value, list) else entry.value)
    names = {class_of(_file_of(each)).name.removesuffix("Config"): each for each in known_families()}
    fitting = [name for name in names if word.startswith(name)]
    if not fitting:
        raise _fatal(entry, f"architectures is {shortened(word)}, but gptcli does not build it; add a model_type")
    return names[max(fitting, key=len)]


def _fatal(entry: Entry, message: str) -> InputProblemsError:
    """Return the error for a file of no family, with those that there are."""
    families = f"{message}; it can be {', '.join(known_families())}"
    return InputProblemsError([str(Problem(entry.place, families, entry.line))])


def _by_their_own_names(
    entries: Mapping[str, Entry], config_class: ConfigClass
) -> tuple[dict[str, Entry], list[Problem]]:
    """Return the entries by the class's own names of keys; two names of one key must agree."""
    found: dict[str, Entry] = {}
    problems = []
    for name, given in entries.items():
        key = config_class.aliases.get(name, name)
        entry = given if given.key else replace(given, key=name)
        if key not in found:
            found[key] = entry
        elif found[key].value != entry.value:
            both = f"{found[key].key} {found[key].text} and {entry.key} {entry.text}"
            message = f"{both} differ, but mean the same; make them equal"
            problems.append(Problem(entry.place, message, entry.line))
    return found, problems


def _renamed(has: Settings, family: Family) -> dict[str, Entry]:
    return {ours: has.entry(theirs) for theirs, ours in family.keys.items()}


def _worked_out(has: Settings, family: Family, problems: list[Problem]) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for reading in family.readings:
        try:
            made = reading.read(has)
        except UnreadableError as error:
            problems.append(error.problem)
            continue
        found |= {ours: has.made(value, reading.keys) for ours, value in made.items()}
    return found


def _named(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """Take the last part of ``openai-community/gpt2`` or of a folder's path; an empty one names nothing."""
    entry = entries.get("_name_or_path")
    path = entry.value if entry is not None and isinstance(entry.value, str) else ""
    last = path.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return {"name": replace(entry, value=model_name(last))} if entry is not None and last.strip(". ") else {}


def _nulls(entries: Mapping[str, Entry], config_class: ConfigClass) -> dict[str, Problem]:
    """Refuse null where the class does not take it."""
    strict = config_class.keys.keys() - config_class.nullable - PASSED_OVER
    way_out = f"must not be null in {config_class.name}; leave it out for the default"
    return {
        key: Problem(entry.place, f"{entry.key} {way_out}", entry.line)
        for key, entry in entries.items()
        if entry.value is None and key in strict
    }


def _unrepresented(has: Settings, family: Family, config_class: ConfigClass) -> Iterable[Problem]:
    """Refuse keys of the class that the family says nothing of, where they are not the class's default."""
    for key, reason in _EMPTY.items():
        if has.value(key):
            yield has.refused(key, reason).problem
    silent = config_class.keys.keys() - family.reads() - family.nothing - PASSED_OVER
    for key in config_class.keys:
        if key in silent and has.gives(key) and not _same(has.value(key), config_class.keys[key]):
            usual = msgspec.json.encode(config_class.keys[key]).decode()
            reason = family.instead.get(
                key, f"but gptcli builds {usual} alone; write that if it is so in your model too"
            )
            yield replace(has.refused(key, reason).problem, run_only=key in family.run_only)


def _same(one: object, other: object) -> bool:
    """Return whether two values are equal; to Python 1 is True, to whoever wrote the file it is not."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _unknown(entries: Mapping[str, Entry], family: Family, config_class: ConfigClass) -> list[str]:
    known = config_class.keys.keys() | family.reads() | family.nothing | PASSED_OVER | {*_OURS_ALONE, *_EMPTY}
    return [key for key in entries if key not in known]


def _may_change(key: str, entry: Entry) -> Problem:
    near = did_you_mean(key.lower(), tuple(class_of(_WITHOUT_TYPE).keys))
    reason = near or ", which may change the network; remove it if it does not, or add a model_type"
    return Problem(entry.place, f"unknown key '{shortened(key)}'{reason}", entry.line)


def _noted(
    entries: Mapping[str, Entry], unknown: list[str], config_class: ConfigClass, model_type: str
) -> Iterable[str]:
    """Say what was not used."""
    if unknown:
        yield _ignored(entries, unknown, config_class)
    if entries.get("auto_map") is not None and entries["auto_map"].value:
        yield f"{entries['auto_map'].place}: auto_map is not used; the network is {model_type}'s of transformers"
    if entries.get("quantization_config") is not None and entries["quantization_config"].value:
        yield f"{entries['quantization_config'].place}: quantization_config is set; parameters are counted as before it"


def _ignored(entries: Mapping[str, Entry], unknown: list[str], config_class: ConfigClass) -> str:
    """Say which keys the class lacks, and what a slip may have meant that the file does not have."""
    absent = [key for key in config_class.keys if key not in entries]
    told = [f"'{shortened(key)}'{did_you_mean(key.lower(), absent)}" for key in unknown[:_MOST_NOTED]]
    more = len(unknown) - len(told)
    told += [f"{more:,} more"] if more else []
    place = f"{entries[unknown[0]].place}: {config_class.name} has"
    if len(told) == 1:
        return f"{place} no key {told[0]}; it is ignored"
    return f"{place} no keys {', '.join(told[:-1])} and {told[-1]}; they are ignored"


def _implied(value: object, config_class: ConfigClass) -> Entry:
    text = msgspec.json.encode(value).decode()
    return Entry(value, text, f"implied by Hugging Face's {config_class.name}", given=False)
