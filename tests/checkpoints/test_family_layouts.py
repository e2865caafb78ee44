"""Weights in transformers' layouts of later families: what is read, and what is said of files that are not right."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from gptcli.api.weights import load_weights
from gptcli.architecture import Network, describe, each_buffer, each_weight, shape_sizes
from gptcli.architecture.axes import size
from gptcli.checkpoints.layouts import split_index
from gptcli.checkpoints.matching import match
from gptcli.checkpoints.naming import FAMILIES, family_layout, likely_families
from gptcli.checkpoints.pieces import stored_shape, views
from gptcli.checkpoints.stored import StoredTensor
from gptcli.config.load import config_from_mapping
from gptcli.model.load import load_model
from tests.conftest import Cli

DATA = Path(__file__).parents[1] / "data" / "decoders"


def settings_of(family: str, **changed: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DATA / f"{family}-a.json").read_text())["config"]
    return {**found, **changed}


def parameters_of(family: str) -> int:
    """Return what transformers' own modules count."""
    found: int = json.loads((DATA / f"{family}-a.json").read_text())["expected"]["parameters"]
    return found


def network_of(family: str, **changed: Any) -> Network:
    return describe(config_from_mapping(settings_of(family, **changed), "config.json", name=family))


def tensors_of(family: str, *, spelling: int = 0, dtype: torch.dtype = torch.float32, **changed: Any) -> dict[str, Any]:
    """Return random tensors by the names and shapes of a family's layout, in one of its spellings."""
    network = network_of(family, **changed)
    ways = family_layout(family).ways(network)
    numbers = torch.Generator().manual_seed(1)
    found: dict[str, Tensor] = {}
    for weight in [*each_weight(network, network.sizes), *each_buffer(network)]:
        if weight.tied_to:
            continue
        pattern, block = split_index(weight.path)
        described = shape_sizes(weight.shape, network.sizes)
        way = ways[pattern][min(spelling, len(ways[pattern]) - 1)]
        for name, place in way:
            for expert in range(described[0] if place.each else 1):
                full = name.replace("{i}", str(block)).replace("{e}", str(expert))
                shape = stored_shape(place, described, network.sizes)
                found.setdefault(full, torch.randn(shape, generator=numbers).to(dtype))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a folder as the Hub has it."""

    def write(family: str, tensors: dict[str, Tensor], **changed: Any) -> Path:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, tmp_path / "model.safetensors")
        (tmp_path / "config.json").write_text(json.dumps(settings_of(family, **changed)))
        return tmp_path

    return write


def weights_of(path: Path, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    model = load_model(load_weights(str(path)).recognised, dtype=dtype)
    return dict([*model.named_parameters(), *model.named_buffers()])


def findings_of(cli: Cli, path: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(cli("checkpoint", str(path), "--json").out)["findings"]
    return found


def said_of(cli: Cli, path: Path, kind: str) -> list[str]:
    return [f"{each['path']}: {each['message']}" for each in findings_of(cli, path) if each["kind"] == kind]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_weight_of_a_family_has_a_name_in_its_table(family: str) -> None:
    network = network_of(family)
    layout = family_layout(family)
    for path, ways in layout.ways(network).items():
        assert path in layout.stored or path.rpartition(".")[0] in layout.stored, path
        assert all(way for way in ways.values())
    stored = {
        name: StoredTensor(name, "F32", tuple(tensor.shape), Path()) for name, tensor in tensors_of(family).items()
    }
    matched = match(stored, said=layout.name, network=network, family=layout)
    assert matched is not None
    assert (matched.layout.name, matched.unexpected, matched.buffers) == (layout.name, [], [])
    assert family in likely_families(list(stored))


@pytest.mark.parametrize("family", ["mixtral", "qwen3_moe", "phimoe", "minimax_m2", "granitemoe", "ernie4_5_moe"])
def test_experts_are_read_one_by_one_or_stacked(folder: Callable[..., Path], family: str) -> None:
    single = tensors_of(family)
    weights = weights_of(folder(family, single))
    stacked = tensors_of(family, spelling=1)
    assert set(stacked) != set(single)
    for name, tensor in stacked.items():
        if name in single:
            tensor.copy_(single[name])
    layout, network = family_layout(family), network_of(family)
    for path, ways in layout.ways(network).items():
        if 1 in ways:
            ((pattern, place),) = ways[1]
            for block in range(network.config.n_layers):
                name, own = pattern.replace("{i}", str(block)), path.replace("{i}", str(block))
                if name in stacked:
                    stacked[name] = weights[own].detach().reshape(stacked[name].shape)
            assert not place.each
    again = weights_of(folder(family, stacked))
    assert {name: torch.equal(again[name], value) for name, value in weights.items()} == dict.fromkeys(weights, True)


def test_gate_and_partner_of_an_expert_are_rows_of_one_weight(folder: Callable[..., Path]) -> None:
    stored = tensors_of("mixtral")
    weights = weights_of(folder("mixtral", stored))
    place = "model.layers.1.block_sparse_moe.experts.3"
    both = torch.cat([stored[f"{place}.w1.weight"], stored[f"{place}.w3.weight"]])
    assert torch.equal(weights["h.1.mlp.experts.gate_up_proj"][3], both)
    assert torch.equal(weights["h.1.mlp.experts.down_proj"][3], stored[f"{place}.w2.weight"])


def test_even_columns_are_gates_in_gpt_oss(folder: Callable[..., Path]) -> None:
    stored = tensors_of("gpt_oss")
    weights = weights_of(folder("gpt_oss", stored))
    columns = stored["model.layers.0.mlp.experts.gate_up_proj"]  # (E, C, 2F)
    ours = weights["h.0.mlp.experts.gate_up_proj"]  # (E, 2F, C)
    assert torch.equal(ours, torch.cat([columns[..., ::2], columns[..., 1::2]], -1).mT)
    shifts = stored["model.layers.0.mlp.experts.gate_up_proj_bias"]
    assert torch.equal(weights["h.0.mlp.experts.gate_up_proj_bias"], torch.cat([shifts[:, ::2], shifts[:, 1::2]], -1))


@pytest.mark.parametrize("family", ["bloom", "gpt_neox", "persimmon", "falcon", "gpt_bigcode"])
def test_rows_of_groups_are_put_side_by_side(folder: Callable[..., Path], family: str) -> None:
    stored = tensors_of(family)
    weights = weights_of(folder(family, stored))
    sizes = network_of(family).sizes
    heads, groups, width = sizes["H"], sizes["G"], sizes["D"]
    (name,) = (name for name in stored if ".0." in name and name.endswith(("query_key_value.weight", "c_attn.weight")))
    grouped = stored[name].view(groups, heads // groups + 2, width, -1)
    parts = (grouped[:, :-2], grouped[:, -2:-1], grouped[:, -1:])
    assert torch.equal(weights["h.0.attn.c_attn.weight"], torch.cat([part.flatten(0, 2) for part in parts]))


def test_halves_of_a_stored_tensor_are_views_of_the_file(folder: Callable[..., Path]) -> None:
    stored = tensors_of("phi3")
    weights = weights_of(folder("phi3", stored))
    gate, up = weights["h.0.mlp.gate_proj.weight"], weights["h.0.mlp.up_proj.weight"]
    assert torch.equal(torch.cat([gate, up]), stored["model.layers.0.mlp.gate_up_proj.weight"])
    assert gate.untyped_storage().data_ptr() == up.untyped_storage().data_ptr()
    assert gate.untyped_storage().data_ptr() == weights["h.0.ln_1.weight"].untyped_storage().data_ptr()


def test_heads_with_norms_of_their_own(folder: Callable[..., Path]) -> None:
    stored = tensors_of("stablelm")
    weights = weights_of(folder("stablelm", stored))
    rows = [stored[f"model.layers.0.self_attn.q_layernorm.norms.{head}.weight"] for head in range(6)]
    assert torch.equal(weights["h.0.attn.q_norm.weight"], torch.stack(rows))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_narrow_numbers_in_several_files(folder: Callable[..., Path], dtype: torch.dtype) -> None:
    stored = tensors_of("deepseek_v3", dtype=dtype)
    path = folder("deepseek_v3", stored)
    names = list(stored)
    shards = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    (path / "model.safetensors").unlink()
    for file, held in shards.items():
        save_file({name: stored[name] for name in held}, path / file)
    index = {"weight_map": {name: file for file, held in shards.items() for name in held}}
    (path / "model.safetensors.index.json").write_text(json.dumps(index))
    weights = weights_of(path, dtype)
    place = "model.layers.2.mlp"
    assert weights["h.2.mlp.experts.down_proj"].dtype == dtype
    assert torch.equal(weights["h.2.mlp.experts.down_proj"][7], stored[f"{place}.experts.7.down_proj.weight"])
    correction = stored[f"{place}.gate.e_score_correction_bias"]
    assert torch.equal(weights["h.2.mlp.chosen.correction"], correction.float())


def test_names_of_a_model_inside_of_one_for_images(cli: Cli, folder: Callable[..., Path]) -> None:
    stored = {f"language_model.{name}": tensor for name, tensor in tensors_of("gemma3_text").items()}
    stored["vision_tower.encoder.weight"] = torch.ones(2, 2)
    path = folder("gemma3_text", stored)
    (path / "config.json").write_text(json.dumps({"model_type": "gemma3", "text_config": settings_of("gemma3_text")}))
    (left,) = said_of(cli, path, "left-out")
    assert "1 tensors of 16 bytes belong to networks beside the decoder" in left
    assert cli("checkpoint", str(path)).code == 0


def test_layers_that_predict_further_tokens_are_left_out(cli: Cli, folder: Callable[..., Path]) -> None:
    stored = tensors_of("deepseek_v3")
    stored["model.layers.3.eh_proj.weight"] = torch.ones(2, 2)
    stored["model.layers.3.input_layernorm.weight"] = torch.ones(2)
    path = folder("deepseek_v3", stored, num_nextn_predict_layers=1)
    (left,) = said_of(cli, path, "left-out")
    assert "2 tensors of 24 bytes belong to layers that predict tokens further ahead" in left
    report = json.loads(cli("checkpoint", str(path), "--json").out)
    assert (report["ok"], report["parameters"]) == (True, parameters_of("deepseek_v3"))
    stored.pop("model.layers.3.eh_proj.weight")
    said = said_of(cli, folder("deepseek_v3", stored, num_nextn_predict_layers=0), "unexpected")
    assert said == ["model.layers.3.input_layernorm.weight: unexpected: the config has blocks 0 to 2"]


def test_what_the_config_has_to_say_is_said_of_the_checkpoint_too(cli: Cli, folder: Callable[..., Path]) -> None:
    path = folder("deepseek_v3", tensors_of("deepseek_v3"), num_nextn_predict_layers=1, oddity=3,
                  quantization_config={"quant_method": "gptq", "bits": 4, "group_size": 64})  # fmt: skip
    said = said_of(cli, path, "config")
    assert len(said) == 4
    assert any("quantization_config is set; parameters are counted as before it" in line for line in said)
    assert any("num_nextn_predict_layers 1: layers that predict further tokens are left out" in line for line in said)
    assert any("oddity" in line for line in said)
    assert any("quantization_config: weights are in gptq" in line for line in said)
    assert cli("checkpoint", str(path)).code == 0
    path = folder("gemma3_text", tensors_of("gemma3_text"))
    assert said_of(cli, path, "config") == []
    (path / "config.json").write_text(json.dumps({"model_type": "gemma3", "text_config": settings_of("gemma3_text")}))
    (taken,) = said_of(cli, path, "config")
    assert taken.endswith("text_config of gemma3 is taken; what reads images or sound is left out")
    assert taken.count("config.json") == 1
    unread = {"quant_method": "gptq", "dynamic": {"x": {}}}
    told = said_of(cli, folder("llama", tensors_of("llama"), quantization_config=unread), "config")[-1]
    assert "quantization_config: dynamic gives layers formats of their own" in told


def test_the_doctor_names_the_layout_and_counts_parameters(cli: Cli, folder: Callable[..., Path]) -> None:
    path = folder("dots1", tensors_of("dots1"))
    outcome = cli("checkpoint", str(path))
    assert (outcome.code, "Hugging Face (transformers), dots1" in outcome.out) == (0, True)
    report = json.loads(cli("checkpoint", str(path), "--json").out)
    assert (report["layout"], report["parameters"]) == ("huggingface-dots1", parameters_of("dots1"))


def test_what_is_missing_or_too_much_is_named(cli: Cli, folder: Callable[..., Path]) -> None:
    stored = tensors_of("mixtral")
    place = "model.layers.1.block_sparse_moe"
    stored.pop(f"{place}.experts.2.w3.weight")
    stored[f"{place}.experts.9.w1.weight"] = stored[f"{place}.experts.0.w1.weight"].clone()
    stored["model.layers.0.self_attn.q_proj.bias"] = torch.ones(64)
    stored["model.layers.0.mlp.odd.weight"] = torch.ones(3)
    path = folder("mixtral", stored)
    (missing,) = said_of(cli, path, "missing")
    assert missing.startswith(f"{place}.experts.2.w3.weight: missing: a model of this config")
    assert said_of(cli, path, "unexpected") == [
        "model.layers.0.self_attn.q_proj.bias: unexpected: the config says qkv_bias: false",
        f"{place}.experts.9.w1.weight: unexpected: the config has 5 of these, 0 to 4",
        "model.layers.0.mlp.odd.weight: unexpected: belongs to no part of a mixtral",
    ]
    outcome = cli("forward", "-w", str(path), "--token-ids", "1,2")
    assert (outcome.code, "experts.2.w3.weight: missing" in outcome.err) == (2, True)


def test_a_wrong_shape_is_named(cli: Cli, folder: Callable[..., Path]) -> None:
    stored = tensors_of("llama")
    name = "model.layers.2.self_attn.k_proj.weight"
    stored[name] = torch.ones(40, 36)
    assert said_of(cli, folder("llama", stored), "misshaped") == [
        f"{name}: misshaped: shape [40, 36], expected [36, 36]"
    ]


def test_quantised_weights_are_refused_by_name(cli: Cli, folder: Callable[..., Path]) -> None:
    stored = tensors_of("gpt_oss")
    for name in [name for name in stored if name.endswith("experts.gate_up_proj")]:
        stored[f"{name}_blocks"] = torch.ones(5, 4, dtype=torch.uint8)
        stored[f"{name}_scales"] = torch.ones(5, dtype=torch.uint8)
        stored.pop(name)
    (said,) = said_of(cli, folder("gpt_oss", stored), "quantised")
    assert "10 tensors hold scales or packed numbers of quantised weights; dequantise them first" in said


def test_without_a_config_the_way_out_is_named(cli: Cli, folder: Callable[..., Path]) -> None:
    path = folder("gemma2", tensors_of("gemma2"))
    (path / "config.json").unlink()
    (said,) = said_of(cli, path, "no-config")
    assert "config.json is missing: its tensors are named as gemma2, gemma3_text are in transformers" in said
    outcome = cli("forward", "-w", str(path), "--token-ids", "1,2")
    assert (outcome.code, "config.json is missing" in outcome.err) == (2, True)


def test_numbers_that_are_none_are_found_once(cli: Cli, folder: Callable[..., Path]) -> None:
    stored = tensors_of("glm")
    name = "model.layers.0.mlp.gate_up_proj.weight"
    stored[name][0, 0] = float("nan")
    (said,) = said_of(cli, folder("glm", stored), "nan")
    assert said.startswith(f"{name}: NaN: 1 of 12,312 numbers")


def test_two_spellings_hold_equal_weights(cli: Cli, tmp_path: Path, folder: Callable[..., Path]) -> None:
    path = folder("olmoe", tensors_of("olmoe"))
    other = tmp_path / "own.safetensors"
    assert cli("checkpoint", "convert", str(path), str(other), "--to", "gptcli").code == 0
    stacked = load_file(other)
    assert stacked["h.0.mlp.experts.gate_up_proj"].shape[0] == 5
    (said,) = said_of_against(cli, path, other)
    assert "compared: all" in said


def said_of_against(cli: Cli, path: Path, other: Path) -> list[str]:
    found = json.loads(cli("checkpoint", str(path), "--against", str(other), "--json").out)["findings"]
    return [each["message"] for each in found if each["kind"] in ("differs", "compared")]


def test_no_layout_of_gpt2_is_given_another_network(cli: Cli, tmp_path: Path, folder: Callable[..., Path]) -> None:
    outcome = cli(
        "checkpoint", "convert", str(folder("opt", tensors_of("opt"))), str(tmp_path / "n"), "--to", "lecture"
    )
    assert outcome.code != 0
    assert not (tmp_path / "n").exists()
    target = str(tmp_path / "n.pt")
    outcome = cli("checkpoint", "convert", str(folder("llama", tensors_of("llama"))), target, "--to", "lecture")
    assert (outcome.code, "is written for GPT-2 alone" in outcome.err, "--to gptcli keeps it" in outcome.err) == (
        1,
        True,
        True,
    )


def test_options_that_need_other_weights_are_refused(cli: Cli, folder: Callable[..., Path]) -> None:
    path = folder("llama", tensors_of("llama"))
    run = ("forward", "-w", str(path), "--token-ids", "1,2")
    for said in ("n_kv_groups=1", "head_dim=6", "hidden_dim=10", "gated=false"):
        outcome = cli(*run, "--set", said)
        assert (outcome.code, said.partition("=")[0] in outcome.err) == (2, True), said
    assert cli(*run, "--set", "rope_base=500", "--set", "context_length=9").code == 0


def test_no_row_is_lost_in_another_order() -> None:
    for family, order in (("bloom", "groups"), ("codegen", "quarters")):
        network = network_of(family)
        places = [each for held in family_layout(family).places(network).values() for each in held]
        place = next(each for each in places if each.order == order)
        rows = torch.arange(size(place.shape[0], network.sizes))[:, None]
        laid = torch.cat(
            views(
                place,
                rows.expand(-1, size(place.shape[1], network.sizes)),
                tuple(shape_sizes(place.shape, network.sizes)),
                network.sizes,
            )
        )[:, 0]
        assert not torch.equal(laid, rows[:, 0])
        assert torch.equal(laid.sort().values, rows[:, 0])
