"""Reading configs: presets, layers of precedence, and every way in which a file can be bad."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptcli.analysis.params import count_parameters
from gptcli.architecture import describe
from gptcli.config import ModelConfig, load_config, preset_paths, preset_summary
from gptcli.config.input_text import MAX_BYTES
from gptcli.config.printable import printable
from gptcli.config.scalars import resolve_scalar
from gptcli.errors import GptcliError, InputError, InputProblemsError

BASE = "vocab_size: 100\ncontext_length: 8\nemb_dim: 32\nn_heads: 4\nn_layers: 2\n"


def problems_of(path: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_config(str(path), environ={})
    return [line.removeprefix(str(path)) for line in str(caught.value).split("\n")]


@pytest.fixture
def write(tmp_path: Path) -> "Writer":
    return Writer(tmp_path / "bad.yaml")


class Writer:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, content: str | bytes) -> Path:
        self.path.write_bytes(content.encode() if isinstance(content, str) else content)
        return self.path


@pytest.mark.parametrize("name", preset_paths())
def test_every_preset_loads_and_says_what_it_is(name: str) -> None:
    config = load_config(name, environ={}).config
    assert config.name == name
    assert 20 < len(preset_summary(preset_paths()[name])) < 70


def test_the_presets_are_those_of_the_papers() -> None:
    sizes = {
        n: load_config(n, environ={}).config for n in preset_paths() if n == "tiny" or n.startswith(("gpt2", "gpt3"))
    }
    shapes = {n: (c.n_layers, c.emb_dim, c.n_heads, c.qkv_bias, c.weight_tying) for n, c in sizes.items()}
    assert shapes == {
        "gpt2-124m": (12, 768, 12, False, False),
        "gpt2": (12, 768, 12, True, True),
        "gpt2-medium": (24, 1024, 16, True, True),
        "gpt2-large": (36, 1280, 20, True, True),
        "gpt2-xl": (48, 1600, 25, True, True),
        "gpt3-175b": (96, 12288, 96, True, True),
        "tiny": (3, 64, 4, False, False),
    }
    assert {n: c.context_length for n, c in sizes.items() if c.context_length != 1024} == {
        "gpt3-175b": 2048,
        "tiny": 256,
    }
    assert {c.vocab_size for c in sizes.values()} == {50257}


def test_precedence_is_flag_set_variable_file_default() -> None:
    resolved = load_config(
        "gpt2",
        set_values=["n_layers=24", "weight_tying=true"],
        flags={"weight_tying": False},
        environ={"GPTCLI_N_LAYERS": "6", "GPTCLI_N_HEADS": "6", "GPTCLI_SOMETHING": "1"},
    )
    config = resolved.config
    assert (config.n_layers, config.n_heads, config.weight_tying, config.norm_eps) == (24, 6, False, 1e-5)
    origin = {key: resolved.sources[key] for key in ("n_layers", "n_heads", "weight_tying", "norm_eps", "emb_dim")}
    assert origin == {
        "n_layers": "--set n_layers=24",
        "n_heads": "GPTCLI_N_HEADS",
        "weight_tying": "--untied",
        "norm_eps": "default",
        "emb_dim": "preset gpt2, line 5",
    }


BAD: dict[str, tuple[str | bytes, list[str]]] = {
    "unknown key": (BASE + "n_haeds: 3\n", [":6: unknown key 'n_haeds' (did you mean 'n_heads'?)"]),
    "duplicate key": (BASE + "n_heads: 4\n", [":6: key 'n_heads' is given twice (first on line 4)"]),
    "indivisible": (BASE.replace("32", "33"), [":4: emb_dim 33 is not divisible by n_heads 4; use n_heads 3 or 11"]),
    "zero": (BASE.replace("100", "0"), [":1: vocab_size must be a whole number from 1 to 16,777,216, got 0"]),
    "negative": (BASE.replace("32", "-32"), [":3: emb_dim must be a whole number"]),
    "absurd": (BASE.replace(": 2", ": 99999999999"), [":5: n_layers must be a whole number"]),
    "digits without end": (BASE.replace(": 2", ": " + "9" * 6000), [":5: n_layers must be a whole number"]),
    "quoted number": (BASE.replace("32", "'32'"), [":3: emb_dim must be a whole number", "(write 32)"]),
    "octal": (BASE.replace("32", "032"), ["got 032 (write 32)"]),
    "base 60": (BASE.replace("100", "1:30"), ["got 1:30 (write 90)"]),
    "grouped": (BASE.replace("100", "50_257"), ["got 50_257 (write 50257)"]),
    "float for int": (BASE.replace(": 2", ": 2.0"), ["got 2.0 (write 2)"]),
    "no for false": (BASE + "qkv_bias: no\n", [":6: qkv_bias must be true or false, got no (write false)"]),
    "on for true": (BASE + "qkv_bias: on\n", ["(write true)"]),
    "one for true": (BASE + "weight_tying: 1\n", ["(write true)"]),
    "bool for int": (BASE.replace(": 2", ": true"), [":5: n_layers must be a whole number"]),
    "nan": (BASE + "drop_rate: .nan\n", [":6: drop_rate must be a number from 0 to below 1, got .nan"]),
    "infinite": (BASE + "norm_eps: .inf\n", [":6: norm_eps must be a number above 0"]),
    "rate of one": (BASE + "drop_rate: 1.0\n", [":6: drop_rate must be"]),
    "null": (BASE.replace("100", ""), [":1: vocab_size must be a whole number", "got nothing"]),
    "list value": (BASE.replace("100", "[1, 2]"), ["got a list"]),
    "mapping value": (BASE.replace("100", "{a: 1}"), ["got a mapping"]),
    "unknown choice": (BASE + "init: gpt\n", ["init must be torch or gpt2, got gpt (did you mean 'gpt2'?)"]),
    "control characters": (BASE + 'name: "\\e[31m"\n', [":6: name must be printable text"]),
    "missing": ("n_layers: 2\n", ["missing key 'vocab_size'", "missing key 'n_heads'"]),
    "empty": ("", [": is empty"]),
    "blank": (" \n\n", [": is empty"]),
    "only comments": ("# nothing\n", [": holds no keys"]),
    "a list": ("- a\n- b\n", [":1: is not a mapping"]),
    "a scalar": ("GPT\n", [":1: is not a mapping"]),
    "two documents": (BASE + "---\n" + BASE, ["holds a second document"]),
    "not UTF-8": (b"name: caf\xe9\n", [":1: byte 0xE9 is not UTF-8"]),
    "UTF-16": (BASE.encode("utf-16"), ["is not UTF-8"]),
    "NUL": (b"a: \x00\n", ["is not valid YAML"]),
    "broken syntax": ("a: b: c\n", [":1: is not valid YAML"]),
    "unclosed quote": ("a: 'x\n", ["is not valid YAML"]),
    "tab": ("a:\n\tb: 1\n", [":2: is not valid YAML", "a tab cannot indent"]),
    "alias": ("a: &x 1\nb: *x\n", ["anchor '&x' is not allowed"]),
    "alias without anchor": ("b: *x\n", ["alias '*x' is not allowed"]),
    "python tag": ("a: !!python/object/apply:os.system ['id']\n", ["tag 'tag:yaml.org,2002:python"]),
    "str tag": ("name: !!str x\n", ["is not allowed"]),
    "nesting bomb": ("a: " + "[" * 100_000, ["nested more than 20 deep"]),
    "mapping bomb": ("{a: " * 30 + "1" + "}" * 30, ["nested more than 20 deep"]),
    "over the size": ("# " + "x" * MAX_BYTES + "\n", ["is over 1,048,576 bytes"]),
    "key is a list": (BASE + "? [a]\n: 1\n", ["key a list is not text"]),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_with_place_reason_and_way_out(case: str, write: Writer) -> None:
    content, expected = BAD[case]
    told = "\n".join(problems_of(write(content)))
    for fragment in expected:
        assert fragment in told


def test_all_problems_of_a_file_come_at_once_in_its_order(write: Writer) -> None:
    told = problems_of(write("n_layers: no\nvocab_size: 0\nn_haeds: 3\nemb_dim: 33\ncontext_length: 8\nn_heads: 4\n"))
    assert [line.split(":")[1] for line in told] == ["1", "2", "3", "6"]


def test_several_sources_are_checked_together() -> None:
    with pytest.raises(InputError) as caught:
        load_config(set_values=["n_layers", "emb_dim=7", "nope=1"], environ={"GPTCLI_N_LAYER": "3", "GPTCLI_INIT": "x"})
    told = str(caught.value)
    assert "--set n_layers: expected key=value" in told
    assert "--set nope=1: unknown key 'nope'" in told
    assert "--set emb_dim=7: emb_dim 7 is not divisible by n_heads 12" in told
    assert "GPTCLI_N_LAYER: no such variable (did you mean 'GPTCLI_N_LAYERS'?)" in told
    assert "GPTCLI_INIT: init must be torch or gpt2" in told


def test_variables_that_miss_by_a_letter() -> None:
    with pytest.raises(InputError, match=r"GPTCLI_CONFG: no such variable .* 'GPTCLI_CONFIG'"):
        load_config(environ={"GPTCLI_CONFG": "gpt2"})
    load_config(environ={"GPTCLI_CONFIG": "gpt2", "GPTCLI_DEBUG": "1", "GPTCLI_HOME": "x"})


def test_near_misses_are_found_in_capitals_too() -> None:
    with pytest.raises(InputError) as caught:
        load_config(set_values=["N_LAYERS=3", "init=GPT2"], environ={})
    assert "(did you mean 'n_layers'?)" in str(caught.value)
    assert "(did you mean 'gpt2'?)" in str(caught.value)


def test_a_width_beyond_the_limit_is_not_suggested() -> None:
    with pytest.raises(InputError, match="or emb_dim 16777215, so") as caught:
        load_config(set_values=[f"emb_dim={2**24}", "n_heads=3"], environ={})
    assert str(2**24 + 2) not in str(caught.value)


@pytest.mark.parametrize("name", ["124", "true", "1e5", ".5", "0x1F", "1" * 60, "模型", "a b", "-", "#"])
def test_a_name_is_the_text_that_was_written(name: str) -> None:
    assert load_config(set_values=[f"name={name}"], environ={}).config.name == name


def test_a_name_in_a_file_may_look_like_a_number(write: Writer) -> None:
    assert load_config(str(write(BASE + "name: 124\n")), environ={}).config.name == "124"


UNPRINTABLE = ["a\u202eb", "a\u2028b", "a\nb", "\x1b[31m", "\udcff", "\ud800", "\x7f"]


@pytest.mark.parametrize("text", UNPRINTABLE)
@pytest.mark.parametrize("key", ["name", "init", "n_layers", "qkv_bias", "nope", ""])
def test_what_cannot_be_printed_is_refused_with_its_place(key: str, text: str) -> None:
    with pytest.raises(InputError) as caught:
        load_config(set_values=[f"{key}={text}"], environ={})
    assert str(caught.value).startswith(f"--set {key}={printable(text)}: ")
    assert str(caught.value).isprintable()
    if key == "name":
        assert f"(contains U+{ord(next(c for c in text if not c.isprintable())):04X})" in str(caught.value)


def test_a_name_with_a_newline_at_its_end_is_refused(write: Writer) -> None:
    assert "(contains U+000A)" in problems_of(write(BASE + 'name: "gpt\\n"\n'))[0]


@pytest.mark.parametrize(
    ("file", "name"),
    [("m\u202ey.yaml", "my"), ("m\ny.yaml", "my"), ("m\udcffy.yaml", "my"), ("\udcff.yaml", "unnamed"),
     (" .yaml", "unnamed"), ("x" * 200, "x" * 80)],
)  # fmt: skip
def test_the_name_of_a_file_becomes_a_valid_name(file: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / file
    path.write_text(BASE)
    resolved = load_config(str(path), environ={})
    assert resolved.config.name == name
    assert resolved.sources["n_layers"].isprintable()


@pytest.mark.parametrize(("source", "told"), [
    ("", "--config is empty; name a preset"),
    ("GPT2-LARG", "did you mean 'gpt2-large'?"),
    ("\udcff", "no such preset"),
    ("gpt2-larg", "did you mean 'gpt2-large'?"),
    ("zzz", "'gptcli config list' lists the presets"),
    (".", "is a directory"),
    ("a\0b", "cannot be read"),
])  # fmt: skip
def test_a_source_that_is_not_there(source: str, told: str) -> None:
    with pytest.raises(GptcliError, match=told.replace("?", r"\?")):
        load_config(source, environ={})


@pytest.mark.parametrize(("text", "value"), [
    ("1e-5", 1e-5), ("1E5", 1e5), (".5", 0.5), ("5.", 5.0), ("12", 12), ("-3", -3), ("0", 0), ("0x1F", 31),
    ("0o14", 12), ("true", True), ("True", True), ("no", "no"), ("on", "on"), ("y", "y"), ("010", "010"),
    ("1:30", "1:30"), ("1_000", "1_000"), ("~", None), ("null", None), ("", None), (".inf", float("inf")),
    ("1.5.2", "1.5.2"), ("2026-01-01", "2026-01-01"), ("=", "="), ("<<", "<<"),
])  # fmt: skip
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    assert resolve_scalar(text) == value
    assert type(resolve_scalar(text)) is type(value)


def test_ten_trillion_parameters_are_admitted() -> None:
    deep = load_config("gpt3-175b", set_values=["n_layers=5600"], environ={}).config
    wide = load_config("gpt2-124m", set_values=["emb_dim=264000"], environ={}).config
    long = load_config("gpt2-124m", set_values=["n_layers=1450000"], environ={}).config
    for config in (deep, wide, long):
        assert count_parameters(describe(config)) > 10**13


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_no_bytes_whatever_crash_the_reader(data: bytes) -> None:
    from gptcli.config.yaml_reader import read_yaml_mapping

    try:
        read_yaml_mapping(data, "x.yaml")
    except InputError as error:
        assert str(error).startswith("x.yaml")


def test_a_config_is_immutable() -> None:
    config = load_config(environ={}).config
    with pytest.raises(AttributeError):
        config.n_layers = 3  # type: ignore[misc]
    assert msgspec.convert(msgspec.to_builtins(config), ModelConfig) == config


@pytest.mark.parametrize("value", ["0" + "1" * 4301, "1" + ":59" * 300_000, "1" * 5000, "1_" + "0" * 5000])
def test_numbers_of_thousands_of_digits_are_refused_at_once(tmp_path: Path, value: str) -> None:
    file = tmp_path / "long.yaml"
    file.write_text(f"vocab_size: 5\ncontext_length: 5\nemb_dim: 4\nn_heads: 2\nn_layers: {value}\n")
    with pytest.raises(InputError, match="n_layers must be a whole number from 1 to 16,777,216, got"):
        load_config(str(file))
    with pytest.raises(InputError, match="n_layers must be a whole number from 1 to 16,777,216, got"):
        load_config("tiny", set_values=[f"n_layers={value}"])


def test_of_many_problems_the_first_are_told(tmp_path: Path) -> None:
    file = tmp_path / "unknown.yaml"
    file.write_text("".join(f"k{number}: 1\n" for number in range(90_000)))
    with pytest.raises(InputProblemsError) as caught:
        load_config(str(file))
    assert len(caught.value.problems) == 101
    assert caught.value.problems[-1].endswith("mend these first")
