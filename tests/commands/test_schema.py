"""``gptcli config schema``: the printed schemas hold for what is printed and read, and fail for what is not."""

import copy
import json
import pkgutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from gptcli import commands
from gptcli.config import preset_paths
from gptcli.render import schema as schemas
from tests.conftest import Cli, gptcli_process

DOCUMENTS = [
    ["tokenize", "Every effort moves you", "é"],
    ["params"],
    ["params", "--conventions", "--explain", "--budget", "130M"],
    ["params", "--why", "137M"],
    ["memory"],
    ["memory", "--mode", "training", "--explain", "--budget", "24GiB"],
    ["memory", "--mode", "generate"],
    ["flops", "--explain"],
    ["flops", "--tokens-per-second", "15000", "--peak-tflops", "312"],
    ["fit", "--budget", "24GiB"],
    ["compare", "gpt2-124m", "gpt2"],
    ["verify", "-c", "tiny", "--quick"],
    ["forward", "Every effort moves you", "Hi", "-c", "tiny", "--device", "cpu"],
    ["trace", "Every effort moves you", "Hi", "-c", "tiny", "--device", "cpu"],
    ["trace", "x", "-c", "tiny", "--logit-lens", "--attention-map", "--tensor", "embed", "--device", "cpu"],
    ["flow"],
    ["flow", "Every effort moves you", "Hi", "-c", "tiny"],
    ["generate", "Every effort moves you", "-c", "tiny", "-n", "2", "--device", "cpu"],
    ["checkpoint", str(preset_paths()["tiny"])],
    ["config", "list"],
    ["config", "show", "tiny"],
    ["config", "validate", str(preset_paths()["tiny"])],
]


def validator(cli: Cli, *command: str) -> Draft202012Validator:
    schema = cli("config", "schema", *command).json
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("arguments", DOCUMENTS, ids=" ".join)
def test_what_a_command_prints_is_what_its_schema_says(cli: Cli, arguments: list[str]) -> None:
    outcome = cli(*arguments, "--json")
    assert outcome.out, outcome.err
    check = validator(cli, arguments[0])
    check.validate(outcome.json)
    for key in outcome.json:
        broken = {name: value for name, value in outcome.json.items() if name != key}
        with pytest.raises(ValidationError):
            check.validate(broken)
    with pytest.raises(ValidationError):
        check.validate(outcome.json | {"command": "other"})


def test_a_value_of_another_type_deep_inside_is_noticed(cli: Cli) -> None:
    document = cli("params", "--json").json
    check = validator(cli, "params")
    for change in ("3", None, 1.5):
        broken = copy.deepcopy(document)
        broken["weights"][-1]["shape"][0] = change
        with pytest.raises(ValidationError):
            check.validate(broken)


def test_keys_of_later_versions_do_not_break_a_reader(cli: Cli) -> None:
    document = cli("params", "--json").json
    document["config"]["later"] = document["later"] = 1
    validator(cli, "params").validate(document)


def test_every_command_with_json_output_has_a_schema_and_is_tried_here(cli: Cli) -> None:
    with_json = {
        module.name
        for module in pkgutil.iter_modules(commands.__path__)
        if not module.name.startswith("_")
        and "JsonOption" in Path(str(commands.__path__[0]), f"{module.name}.py").read_text(encoding="utf-8")
    }
    assert with_json == set(schemas._reports_by_command())
    assert with_json == {arguments[0] for arguments in DOCUMENTS}


@pytest.mark.parametrize("preset", preset_paths())
def test_presets_keep_to_the_schema_of_configs(cli: Cli, preset: str) -> None:
    validator(cli).validate(yaml.safe_load(preset_paths()[preset].read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "change",
    [
        {"n_haeds": 3},
        {"n_heads": 0},
        {"n_heads": 1.5},
        {"qkv_bias": "no"},
        {"drop_rate": 1},
        {"init": "x"},
        {"name": ""},
    ],
)
def test_a_bad_config_fails_the_schema_of_configs(cli: Cli, change: dict[str, Any]) -> None:
    good = yaml.safe_load(preset_paths()["tiny"].read_text(encoding="utf-8"))
    with pytest.raises(ValidationError):
        validator(cli).validate(good | change)


@pytest.mark.parametrize(("command", "told"), [
    ("parms", "error: no command 'parms' prints JSON with --json (did you mean 'params'?)"),
    ("PARAMS", "(did you mean 'params'?)"),
    ("zzz", "; those that do are checkpoint, compare, config, fit"),
    ("", "error: no command '' prints JSON with --json; those that do are checkpoint, compare"),
    ("\x1b[31m", "error: no command '\\x1b[31m' prints JSON"),
    ("\udcff", "error: no command '\\udcff' prints JSON"),
])  # fmt: skip
def test_unknown_commands(cli: Cli, command: str, told: str) -> None:
    outcome = cli("config", "schema", command)
    assert (outcome.code, outcome.out) == (2, "")
    assert told in outcome.err


def test_a_schema_is_one_line_in_a_pipe() -> None:
    for arguments in ([], ["params", "--json"]):
        output = gptcli_process("config", "schema", *arguments).stdout
        assert output.count("\n") == 1
        assert json.loads(output)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
