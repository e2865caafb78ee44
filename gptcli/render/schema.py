"""JSON Schemas (draft 2020-12) of what gptcli reads and prints, from the types themselves."""

import pkgutil
from collections.abc import Iterable
from importlib import import_module
from inspect import cleandoc
from typing import Any

import msgspec

from gptcli import reports
from gptcli.config import ModelConfig
from gptcli.errors import InputError, did_you_mean
from gptcli.reports.report import Report

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = "#/$defs/{name}"
_CONSTANTS = {"schema_version", "command"}  # the defaults of a report that nothing overrides


def config_schema() -> dict[str, Any]:
    """Return the schema of a config in gptcli's own keys."""
    return _schema("A config of gptcli", [ModelConfig])


def report_schema(command: str) -> dict[str, Any]:
    """Return the schema of what a command prints with ``--json``; any of several where its subcommands differ.

    Raises:
        InputError: no command of that name prints a report.
    """
    types = _reports_by_command()
    if command not in types:
        hint = did_you_mean(command.lower(), types) or f"; those that do are {', '.join(types)}"
        raise InputError(f"no command '{command}' prints JSON with --json{hint}")
    schema = _schema(f"What 'gptcli {command} --json' prints", types[command])
    for component in schema["$defs"].values():
        _describe_output(component)
    return schema


def _describe_output(component: dict[str, Any]) -> None:
    """Say of a type what holds where it is printed: nothing is left out, a later version may add keys."""
    properties = component.get("properties", {})
    component["required"] = list(properties)
    component.pop("additionalProperties", None)
    for name in _CONSTANTS & properties.keys():
        properties[name] = {"const": properties[name]["default"]}


def _reports_by_command() -> dict[str, list[type[Report]]]:
    """Return every type of report by the command that its own default names; a file of reports needs no list."""
    for module in pkgutil.iter_modules(reports.__path__, f"{reports.__name__}."):
        import_module(module.name)
    types: dict[str, list[type[Report]]] = {}
    for report in _subclasses(Report):
        default = {field.name: field.default for field in msgspec.structs.fields(report)}["command"]
        if isinstance(default, str):
            types.setdefault(default, []).append(report)
    return dict(sorted(types.items()))


def _subclasses(base: type[Report]) -> Iterable[type[Report]]:
    for report in base.__subclasses__():
        yield report
        yield from _subclasses(report)


def _schema(title: str, types: Iterable[type]) -> dict[str, Any]:
    references, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    for component in components.values():
        component["description"] = cleandoc(component.get("description", ""))
    one_or_any = references[0] if len(references) == 1 else {"anyOf": list(references)}
    return {"$schema": _DRAFT, "title": title, **one_or_any, "$defs": components}
