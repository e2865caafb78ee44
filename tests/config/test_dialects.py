"""Configs in the lecture's, nanoGPT's and Hugging Face's keys: one model, whatever it is written in."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gptcli.config import KEYS, ModelConfig, config_from_mapping, load_config
from gptcli.config.dialects import settings_in
from gptcli.config.json_reader import read_json_object
from gptcli.config.yaml_reader import read_yaml_mapping
from gptcli.errors import InputError, InputProblemsError
from tests.conftest import Cli, gptcli_process

OURS = {
    "vocab_size": 50257, "context_length": 1024, "emb_dim": 768, "n_heads": 12, "n_layers": 12, "drop_rate": 0.1,
    "qkv_bias": True, "weight_tying": True, "init": "gpt2",
}  # fmt: skip
NANOGPT = {
    "n_layer": 12, "n_head": 12, "n_embd": 768, "block_size": 1024, "bias": True, "vocab_size": 50257, "dropout": 0.1,
}  # fmt: skip
# As openai-community/gpt2 publishes it.
PUBLISHED = {
    "activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"], "attn_pdrop": 0.1, "bos_token_id": 50256,
    "embd_pdrop": 0.1, "eos_token_id": 50256, "initializer_range": 0.02, "layer_norm_epsilon": 1e-05,
    "model_type": "gpt2", "n_ctx": 1024, "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024,
    "resid_pdrop": 0.1, "summary_activation": None, "summary_first_dropout": 0.1, "summary_proj_to_labels": True,
    "summary_type": "cls_index", "summary_use_proj": True,
    "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}}, "vocab_size": 50257,
}  # fmt: skip
DIALECTS: dict[str, dict[str, Any]] = {"gptcli": OURS, "nanoGPT": NANOGPT, "Hugging Face": PUBLISHED}
NOTATIONS: dict[str, Callable[[Any], str]] = {
    "one.yaml": yaml.safe_dump,
    "one.json": json.dumps,
    "indented.json": lambda model: json.dumps(model, indent=2),
    "tabs.json": lambda model: json.dumps(model, indent="\t"),
}

Write = Callable[[object], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a text, or a mapping as JSON with one key a line, and return the path."""

    def to_file(content: object) -> Path:
        path = tmp_path / "m.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=0))
        return path

    return to_file


def problems_of(path: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_config(str(path), environ={})
    return [line.removeprefix(str(path)) for line in str(caught.value).split("\n")]


def test_one_model_in_every_dialect_and_notation_gives_one_document(cli: Cli, tmp_path: Path) -> None:
    documents = set()
    for dialect, model in DIALECTS.items():
        for name, notation in NOTATIONS.items():
            path = tmp_path / dialect / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(notation(model))
            documents.add(cli("params", "-c", str(path), "--set", "name=x", "--json").out)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "config.json").write_text(json.dumps(PUBLISHED))
    documents.add(cli("params", "-c", str(tmp_path / "folder"), "--set", "name=x", "--json").out)
    documents.add(cli("params", "-c", "gpt2", "--set", "name=x", "--json").out)
    assert len(documents) == 1
    assert json.loads(documents.pop())["total"] == 124_439_808


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_dialect_is_read_from_a_pipe_and_a_mapping(dialect: str) -> None:
    piped = gptcli_process("config", "show", "-", "--json", input=json.dumps(DIALECTS[dialect]))
    config = msgspec.convert(json.loads(piped.stdout)["config"], ModelConfig)
    assert config.name == "stdin"
    assert config_from_mapping(DIALECTS[dialect], "model.pt", name="stdin") == config


@pytest.mark.parity
def test_what_transformers_writes_is_read(tmp_path: Path) -> None:
    from transformers import GPT2Config

    written = GPT2Config(  # type: ignore[call-arg]  # the base class takes num_labels
        vocab_size=99, n_positions=16, n_embd=48, n_layer=3, n_head=6, n_inner=192, resid_pdrop=0.0, embd_pdrop=0.0,
        attn_pdrop=0.0, layer_norm_epsilon=1e-6, activation_function="gelu", tie_word_embeddings=False, num_labels=3,
        dtype="bfloat16",
    )  # fmt: skip
    written.save_pretrained(tmp_path / "mine")
    GPT2Config().save_pretrained(tmp_path / "default")
    assert load_config(str(tmp_path / "mine"), environ={}).config == ModelConfig(
        name="mine", vocab_size=99, context_length=16, emb_dim=48, n_layers=3, n_heads=6, drop_rate=0.0, norm_eps=1e-6,
        activation="gelu", weight_tying=False, qkv_bias=True, hidden_dim=192,
        init="gpt2",
    )  # fmt: skip
    default = load_config(str(tmp_path / "default"), environ={}).config
    assert default == load_config("gpt2", set_values=["name=default"], environ={}).config


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, (0.1, None, None)),
        ({"embd_pdrop": 0.0, "attn_pdrop": 0.2, "resid_pdrop": 0.3}, (0.3, 0.0, 0.2)),
        ({"resid_pdrop": 0.0}, (0.0, 0.1, 0.1)),
        ({"embd_pdrop": 0.2}, (0.1, 0.2, None)),
        ({"model_type": "gpt_neox", "hidden_dropout": 0.2}, (0.2, None, 0.0)),
        ({"model_type": "stablelm", "hidden_dropout": 0.2, "attention_dropout": 0.2}, (0.2, 0.0, None)),
        ({"model_type": "starcoder2", "embedding_dropout": 0.2}, (0.0, 0.2, None)),
        ({"model_type": "phi", "embd_pdrop": 0.2, "resid_pdrop": 0.3}, (0.3, 0.2, 0.0)),
        ({"model_type": "llama", "attention_dropout": 0.2}, (0.0, None, 0.2)),
    ],
)
def test_rates_of_dropout_by_their_place(
    given: dict[str, object], expected: tuple[float, float | None, float | None], write: Write
) -> None:
    """Of branches, of the embedding and of attention's shares; None is that of the branches."""
    config = load_config(str(write({"model_type": "gpt2", **given})), environ={}).config
    assert (config.drop_rate, config.embedding_drop_rate, config.attention_drop_rate) == expected
    if config.family == "":
        written = {"model_type": "gpt2", **settings_in("Hugging Face", config)}
        again = config_from_mapping(written, "x", name=config.name)
        assert _rates(again) == _rates(config)


def _rates(config: ModelConfig) -> list[float]:
    own = config.drop_rate
    return [own if each is None else each for each in (own, config.embedding_drop_rate, config.attention_drop_rate)]


def test_absent_keys_have_the_dialects_defaults_and_say_so(write: Write) -> None:
    bare = load_config(str(write({"model_type": "gpt2", "n_layer": 2})), environ={})
    assert (bare.config.n_layers, bare.config.emb_dim, bare.config.drop_rate, bare.dialect) == (
        2,
        768,
        0.1,
        "Hugging Face",
    )
    assert bare.sources["n_layers"].endswith("m.json:3")
    assert bare.sources["emb_dim"] == "default of Hugging Face's GPT2Config"
    assert bare.sources["qkv_bias"] == "implied by Hugging Face's GPT2Config"
    assert bare.sources["activation"] == "default of Hugging Face's GPT2Config"
    assert (bare.config.init, bare.sources["init"]) == ("gpt2", "implied by Hugging Face's GPT2Config")
    sizes = {"n_layer": 2, "n_head": 2, "n_embd": 8, "block_size": 4, "vocab_size": None}
    small = load_config(str(write(sizes)), environ={})
    assert (small.config.vocab_size, small.config.bias, small.config.drop_rate) == (50304, True, 0.0)
    assert small.sources["vocab_size"] == "default of nanoGPT's GPTConfig"
    assert small.sources["weight_tying"] == "implied by nanoGPT's GPTConfig"
    assert (small.config.init, small.sources["init"]) == ("gpt2", "implied by nanoGPT's GPTConfig")
    assert small.sources["activation"] == "default"


def test_bias_free_nanogpt(write: Write) -> None:
    config = load_config(str(write(NANOGPT | {"bias": False})), environ={}).config
    assert (config.bias, config.qkv_bias, config.weight_tying) == (False, False, True)


@pytest.mark.parametrize(("word", "activation"), [
    ("gelu_new", "gelu_tanh"), ("gelu_pytorch_tanh", "gelu_tanh"), ("gelu_fast", "gelu_tanh"), ("gelu", "gelu"),
])  # fmt: skip
def test_the_forms_of_gelu(word: str, activation: str, write: Write) -> None:
    assert (
        load_config(str(write(PUBLISHED | {"activation_function": word})), environ={}).config.activation == activation
    )


@pytest.mark.parity
def test_the_forms_of_gelu_are_those_of_transformers() -> None:
    import torch
    from torch.nn.functional import gelu
    from transformers.activations import ACT2FN

    from gptcli.config.dialects.huggingface._readings import ACTIVATIONS

    x = torch.linspace(-6, 6, 1001, dtype=torch.float64)
    approximate = {"gelu_tanh": "tanh", "gelu": "none"}
    for word, ours in ACTIVATIONS.items():
        if ours not in approximate:
            continue
        torch.testing.assert_close(ACT2FN[word](x), gelu(x, approximate=approximate[ours]), atol=1e-9, rtol=0)


def test_flags_settings_and_variables_lie_over_every_dialect(write: Write) -> None:
    for model in DIALECTS.values():
        resolved = load_config(
            str(write(model)),
            set_values=["n_layers=24", "init=gpt2", "norm_eps=1e-6"],
            flags={"weight_tying": False},
            environ={"GPTCLI_N_HEADS": "6"},
        )
        config = resolved.config
        told = (config.n_layers, config.init, config.norm_eps, config.weight_tying, config.n_heads)
        assert told == (24, "gpt2", 1e-6, False, 6)
        assert resolved.sources["n_layers"] == "--set n_layers=24"
    with pytest.raises(InputError, match=r"--set n_layer=24: unknown key 'n_layer' \(did you mean 'n_layers'\?\)"):
        load_config(str(write(NANOGPT)), set_values=["n_layer=24"], environ={})


@pytest.mark.parametrize(("path", "extra", "name"), [
    ("run/config.json", {}, "run"),
    ("run/small.json", {}, "small"),
    ("run", {}, "run"),
    ("run", {"_name_or_path": "openai-community/gpt2"}, "gpt2"),
    ("run", {"_name_or_path": "/home/me/out/\u202e"}, "unnamed"),
    ("run", {"_name_or_path": "./"}, "run"),
    ("run", {"_name_or_path": "x" * 99}, "x" * 80),
])  # fmt: skip
def test_the_name_is_the_one_told_or_the_files_or_the_folders(
    path: str, extra: dict[str, str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / path if path.endswith(".json") else tmp_path / path / "config.json"
    file.parent.mkdir()
    file.write_text(json.dumps(PUBLISHED | extra))
    assert load_config(str(tmp_path / path), environ={}).config.name == name
    monkeypatch.chdir(file.parent)
    assert load_config(file.name, environ={}).config.name == name
    monkeypatch.chdir(tmp_path)
    assert load_config(path, environ={}).config.name == name


def test_a_folder_found_through_dots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run" / "logs").mkdir(parents=True)
    (tmp_path / "run" / "config.json").write_text(json.dumps(PUBLISHED))
    for folder, dots in (("run", "."), ("run", "./"), ("run/logs", "..")):
        monkeypatch.chdir(tmp_path / folder)
        assert load_config(dots, environ={}).config.name == "run"


def test_a_linked_config_is_named_by_where_the_link_is(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "0123").write_text(json.dumps(PUBLISHED))
    (tmp_path / "gpt2").mkdir()
    (tmp_path / "gpt2" / "config.json").symlink_to(tmp_path / "blobs" / "0123")
    assert load_config(str(tmp_path / "gpt2"), environ={}).config.name == "gpt2"


def test_a_folder_without_a_config(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is a directory without config\.json; name a YAML or JSON file"):
        load_config(str(tmp_path), environ={})
    (tmp_path / "config.json").mkdir()
    with pytest.raises(InputError, match=r"config\.json: is a directory; name"):
        load_config(str(tmp_path), environ={})


def hf(**extra: object) -> dict[str, object]:
    return {"model_type": "gpt2", **extra}


def nano(**extra: object) -> dict[str, object]:
    return NANOGPT | extra


# What is written (one key a line, the brace on the first) -> the beginning of what is told.
REFUSED: dict[str, tuple[object, str]] = {
    "another model": (hf() | {"model_type": "lama"}, ":2: model_type is 'lama', but gptcli does not build it (did you"),
    "activation": (
        hf(activation_function="mish"),
        ":3: activation_function is 'mish', but gptcli does not have it; it can be gelu_new",
    ),
    "activation null": (hf(activation_function=None), ":3: activation_function must not be null in GPT2Config; leave"),
    "inner width as a float": (hf(n_inner=3072.0), ":3: n_inner must be a whole number from 1"),
    "bad rate": (
        hf(attn_pdrop="0.1"),
        ":3: attn_pdrop must be a number from 0 to below 1, or null, got '0.1' (write 0.1)",
    ),
    "widths": (hf(hidden_size=8, n_embd=16), ":4: hidden_size 8 and n_embd 16 differ"),
    "scaling as a number": (hf(scale_attn_weights=1), ":3: scale_attn_weights must be true or false, got 1"),
    "scaling by layer": (hf(scale_attn_by_inverse_layer_idx=True), ":3: scale_attn_by_inverse_layer_idx is true, but"),
    "cross-attention": (hf(add_cross_attention=True), ":3: add_cross_attention is true, but"),
    "pruned heads": (hf(pruned_heads={"0": [1]}), ":3: pruned_heads is a mapping, but"),
    "layers of their own": (hf(per_layer_config={"0": {"n_inner": 3}}), ":3: per_layer_config is a mapping, but"),
    "code": ({"auto_map": {"AutoModel": "a.B"}, "n_embd": 8}, ":2: auto_map is a mapping, and gptcli runs no code"),
    "code of another model": (
        {"model_type": "own", "auto_map": {"AutoModel": "a.B"}},
        ":2: model_type is 'own', but gptcli does not build it, and it runs no code that comes with a model (auto_map)",
    ),
    "float for int": (hf(n_layer=12.0), ":3: n_layer must be a whole number from 1 to 16,777,216, got 12.0 (write 12)"),
    "bool for int": (hf(n_layer=True), ":3: n_layer must be a whole number from 1 to 16,777,216, got true"),
    "int for bool": (hf(tie_word_embeddings=1), ":3: tie_word_embeddings must be true or false, got 1 (write true)"),
    "alias": (hf(num_hidden_layers=0), ":3: num_hidden_layers must be a whole number"),
    "null size": (hf(vocab_size=None), ":3: vocab_size must not be null in GPT2Config; leave it out for the default"),
    "NaN": ('{"model_type": "gpt2", "layer_norm_epsilon": NaN}', ":1: layer_norm_epsilon must be a number above 0"),
    "indivisible": (hf(n_head=7), ":3: n_embd 768 is not divisible by n_head 7; use n_head 6 or 8, or n_embd 763"),
    "indivisible default": (hf(n_embd=770), ":3: n_embd 770 is not divisible by n_head 12"),
    "misspelt without a type": (
        {"n_embd": 8, "n_inner": 9, "n_postions": 8},
        ":4: unknown key 'n_postions' (did you mean 'n_pos",
    ),
    "unknown without a type": ({"n_embd": 8, "n_inner": 9, "zzz": 8}, ":4: unknown key 'zzz', which may change the"),
    "nanoGPT unknown": (nano(flash=True), ":9: unknown key 'flash', which may change the network"),
    "nanoGPT misspelt": (nano(dropuot=0), ":9: unknown key 'dropuot' (did you mean 'dropout'?)"),
    "nanoGPT bias": (nano(bias="no"), ":6: bias must be true or false, got 'no' (write false)"),
    "nanoGPT and ours": (nano(n_layers=12), "and the lecture's author's, but 'n_layer' (line 2) is nanoGPT's; use"),
    "nanoGPT and Hugging Face": (
        nano(n_inner=5),
        "'n_inner' is Hugging Face's, but 'block_size' (line 5) is nanoGPT's; say it over",
    ),
    "nanoGPT without sizes": (
        {"block_size": 8, "dropout": 0.0},
        ": missing key 'n_embd' (embedding width, C); e.g. 'n_embd",
    ),
    "ours and others'": (
        OURS | {"n_layer": 3},
        "is Hugging Face's, nanochat's and nanoGPT's, but 'n_layers' (line 6) is gptcli's; use one",
    ),
    "ours misspelt as others'": (
        {"n_heads": 2, "n_layer": 3},
        "but 'n_heads' (line 2) is gptcli's (did you mean 'n_layers'?)",
    ),
    "Hugging Face or nanoGPT": ({"n_layer": 2, "n_head": 2}, ": cannot tell from 'n_layer' and 'n_head' whether"),
    "twice": ('{"model_type": "gpt2",\n"n_layer": 2,\n\n"n_layer": 3}', ":4: key 'n_layer' is given twice (first on"),
    "alias of YAML": ("model_type: gpt2\nn_layer: &a 3\nn_head: *a\n", ":2: anchor '&a' is not allowed"),
    "deep": (
        '{"model_type": "gpt2",\n"task_specific_params":' + "[" * 30 + "]" * 30 + "}",
        ":2: is nested more than 20",
    ),
    "bomb": ('{"model_type":' + "[" * 100_000, ":1: is nested more than 20 deep"),
    "cut off": ('{"model_type": "gpt2",\n"n_layer":', "is not valid YAML or JSON"),
    "a second object": ('{"model_type": "gpt2"}\n{}', "is not valid YAML or JSON"),
    "a list": ('[{"model_type": "gpt2"}]', ":1: is not a mapping"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_represented_is_refused_by_name_and_line(case: str, write: Write) -> None:
    content, expected = REFUSED[case]
    told = problems_of(write(content))
    assert any(expected in problem for problem in told), told
    assert len(told) == len(set(told))


def test_another_model_is_told_once_without_its_many_unknown_keys(write: Write) -> None:
    assert len(problems_of(write({"model_type": "lama", "rope_theta": 1, "hidden_size": 8, "rms_norm_eps": 1}))) == 1


def test_all_problems_of_a_dialect_come_at_once_in_the_files_order(write: Write) -> None:
    told = problems_of(write(hf(n_layer=0, activation_function="mish", zzz=1, n_embd=64.0, attn_pdrop=2)))
    assert [problem.split(":")[1] for problem in told] == ["3", "4", "6", "7"]


def test_every_key_that_does_not_describe_the_network_is_passed_over(write: Write) -> None:
    from gptcli.config.dialects.huggingface import DIALECT

    assert load_config(str(write(PUBLISHED)), environ={}).notes == ()
    plain = load_config(str(write(PUBLISHED)), environ={}).config
    everything = dict.fromkeys(DIALECT.passed_over, "whatever")
    assert load_config(str(write(PUBLISHED | everything)), environ={}).config == plain
    assert load_config(str(write(PUBLISHED | everything)), environ={}).notes == ()


NOTED: dict[str, tuple[dict[str, object], str]] = {
    "misspelt": (
        hf(n_postions=8),
        ":3: GPT2Config has no key 'n_postions' (did you mean 'n_positions'?); it is",
    ),
    "unknown": (hf(line_by_line=False), ":3: GPT2Config has no key 'line_by_line'; it is ignored"),
    "ours": (
        hf(n_layer=3, n_layers=4),
        ":4: GPT2Config has no key 'n_layers'; it is ignored",
    ),
    "an older length": (hf(n_positions=8, n_ctx=16), "n_ctx 16 is not used: transformers reads n_positions alone"),
    "quantised": (hf(quantization_config={"bits": 4}), ":3: quantization_config is set; parameters are counted as"),
    "code": (hf(auto_map={"AutoModel": "a.B"}), ":3: auto_map is not used; the network is gpt2's of transformers"),
}


@pytest.mark.parametrize("case", NOTED)
def test_what_is_not_used_is_noted_and_changes_nothing(case: str, write: Write) -> None:
    content, expected = NOTED[case]
    resolved = load_config(str(write(content)), environ={})
    known = {key: value for key, value in content.items() if key in ("model_type", "n_positions", "n_layer")}
    assert resolved.config == load_config(str(write(known)), environ={}).config
    assert len(resolved.notes) == 1
    assert expected in resolved.notes[0]


def test_what_changes_no_figure_stops_no_count(cli: Cli, write: Write) -> None:
    path = str(write(hf(scale_attn_by_inverse_layer_idx=True)))
    told = "m.json:3: scale_attn_by_inverse_layer_idx is true, but gptcli's attention scales its scores alike"
    for command in ("params", "memory", "flops", "flow", "compare"):
        shown = cli(command, *([path, "gpt2"] if command == "compare" else ["-c", path]))
        assert shown.code == 0
        assert told in shown.err
        assert "what is counted does not depend on it" in shown.err
    for words in (["forward", "--token-ids", "1"], ["trace", "--token-ids", "1"], ["verify", "--quick"]):
        refused = cli(*words, "-c", path)
        assert refused.code == 2
        assert told in refused.err


def test_a_config_without_a_type_is_known_by_its_class(write: Write) -> None:
    sizes = {"architectures": ["Qwen3ForCausalLM"], "num_hidden_layers": 2, "hidden_size": 64}
    assert load_config(str(write(sizes)), environ={}).config.qk_norm == "head"


def test_hostile_sizes_end_soon(write: Write) -> None:
    many = ",".join(f'"key_{number}":1' for number in range(60_000))
    notes = load_config(str(write('{"model_type":"gpt2",' + many + "}")), environ={}).notes
    assert len(notes) == 1
    assert notes[0].endswith("'key_7' and 59,992 more; they are ignored")
    assert problems_of(write('{"model_type":"gpt2","prefix":"' + "x" * 2**20 + '"}')) == [
        ": is over 1,048,576 bytes; a model config has a dozen lines"
    ]


JSON_ONLY = {
    "surrogate pair": '{"model_type": "gpt2", "_name_or_path": "\\ud83d\\ude00"}',
    "escaped slash": '{"model_type": "gpt2", "_name_or_path": "a\\/\\ud83d\\ude00"}',
    "tabs": '{\n\t"model_type":\t"gpt2"\n\t,\n\t"_name_or_path" : "\U0001f600"\n}\n',
    "key before its colon": '{"model_type"\n:\n"gpt2", "_name_or_path": "\U0001f600"}',
    "a long value": '{"prefix": "' + "x" * 5000 + '", "model_type": "gpt2", "_name_or_path": "\U0001f600"}',
    "characters that YAML refuses": '{"model_type": "gpt2", "prefix": "\x7f\u2028", "_name_or_path": "\U0001f600"}',
    "carriage returns": '{"model_type": "gpt2",\r\n"_name_or_path": "\U0001f600"}\r\n',
    "byte order mark": '\ufeff{"model_type": "gpt2", "_name_or_path": "\U0001f600"}',
    "comma at the end": '{"model_type": "gpt2", "_name_or_path": "\U0001f600",}',  # no JSON, but YAML
    "Python's comments and quotes": "{'model_type': 'gpt2',  # GPT-2\n '_name_or_path': '\U0001f600'}",
}  # fmt: skip


@pytest.mark.parametrize("case", JSON_ONLY)
def test_json_is_read_as_json(case: str, write: Write) -> None:
    assert load_config(str(write(JSON_ONLY[case])), environ={}).config.name == "\U0001f600"


def test_a_dictionary_pasted_from_python(write: Write) -> None:
    lecture = """{
    "vocab_size": 50257,    # Vocabulary size
    "context_length": 1024, # Context length
    "emb_dim": 768, "n_heads": 12, "n_layers": 12,
    "drop_rate": 0.1,
    "qkv_bias": False       # Query-Key-Value bias
}"""
    resolved = load_config(str(write(lecture)), environ={})
    assert resolved.config == load_config("gpt2-124m", set_values=["name=m"], environ={}).config
    assert resolved.sources["qkv_bias"].endswith(":6")


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=10), VALUES, max_size=6), st.sampled_from([None, 1, "\t"]), st.booleans())
def test_any_json_object_is_read_as_pythons_own_decoder_reads_it(
    model: dict[str, object], indent: str | int | None, ascii_only: bool
) -> None:
    text = json.dumps(model, indent=indent, ensure_ascii=ascii_only)
    found = read_json_object(text, "x.json")
    assert found is not None
    entries, problems = found
    assert problems == []
    assert {key: entry.value for key, entry in entries.items()} == model
    if indent is not None:
        lines = text.split("\n")
        for key, entry in entries.items():
            assert lines[entry.line - 1].lstrip().startswith(json.dumps(key, ensure_ascii=ascii_only))


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='{}[]":, \n\\ae1-.tru', max_size=60).map(lambda text: "{" + text))
def test_nothing_that_begins_like_json_crashes_the_reader(text: str) -> None:
    try:
        read_yaml_mapping(text.encode(), "x.json")
    except InputError as error:
        assert str(error).startswith("x.json")


ANY_KEY = st.sampled_from([*KEYS, *NANOGPT, *PUBLISHED, "n_inner", "hidden_size", "zzz"])


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(ANY_KEY, SCALARS | st.sampled_from([2, 4, 8, 0.1, "gpt2", "gelu", [], {}]), max_size=12))
def test_no_mixture_of_keys_ends_in_anything_but_a_config_or_problems(mapping: dict[str, object]) -> None:
    try:
        assert isinstance(config_from_mapping(mapping, "x.pt", name="x"), ModelConfig)
    except InputProblemsError as error:
        assert all(problem.startswith("x.pt: ") for problem in error.problems)


def test_a_mapping_may_hold_anything() -> None:
    with pytest.raises(InputProblemsError) as caught:
        config_from_mapping(
            NANOGPT | {"n_layer": 10**5000, "n_head": object(), "n_embd": float("nan"), 3: 4},  # type: ignore[arg-type]
            "model.pt",
            name="x",
        )
    assert set(caught.value.problems) == {
        "model.pt: key 3 is not text",
        "model.pt: n_layer must be a whole number from 1 to 16,777,216, got a number of hundreds of digits",
        "model.pt: n_head must be a whole number from 1 to 16,777,216, got a value of type object",
        "model.pt: n_embd must be a whole number from 1 to 16,777,216, got nan",
    }
    assert config_from_mapping(NANOGPT, "model.pt", name="\x1b").name == "unnamed"


def test_a_mapping_may_hold_tensors() -> None:
    import torch

    with pytest.raises(InputError, match="bias must be true or false, got a value of type Tensor"):
        config_from_mapping(NANOGPT | {"bias": torch.zeros(3)}, "model.pt", name="x")
    with pytest.raises(InputError, match=r"n_inner must be a whole number.* got a value of type Tensor"):
        config_from_mapping(PUBLISHED | {"n_inner": torch.zeros(3)}, "model.pt", name="x")


def test_show_translates_into_our_keys(cli: Cli, write: Write) -> None:
    path = write(PUBLISHED)
    ours = path.with_name("ours.yaml")
    ours.write_text(cli("config", "show", str(path)).out)
    assert load_config(str(ours), environ={}).config == load_config(str(path), environ={}).config
    assert load_config(str(ours), environ={}).dialect == "gptcli"


def test_validate_names_the_dialect(cli: Cli, tmp_path: Path) -> None:
    paths = []
    for number, model in enumerate(DIALECTS.values()):
        paths.append(str(tmp_path / f"{number}.json"))
        Path(paths[-1]).write_text(json.dumps(model))
    files = cli("config", "validate", *paths, "--json").json["files"]
    assert [file["dialect"] for file in files] == list(DIALECTS)
    assert "Hugging Face's keys" in cli("config", "validate", paths[-1]).out


def test_dialects_are_imported_only_where_a_file_needs_them(write: Write) -> None:
    probe = (
        "import sys; from gptcli.cli import run; run(sys.argv[1:]); "
        "sys.exit(any('dialects' in name or name == 'json' for name in sys.modules))"
    )
    for path, needed in (("gpt2", False), (str(write(NANOGPT)), True)):
        done = subprocess.run(
            [sys.executable, "-c", probe, "config", "show", path], stdout=subprocess.DEVNULL, check=False
        )
        assert done.returncode == needed
