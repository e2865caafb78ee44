"""``gptcli check`` on decoders after GPT-2: right ones pass, and each planted mistake is named, and no other."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import gptcli.model.check.run  # noqa: F401  # loaded once here, rather than by the child of every test
from gptcli.architecture import Network, describe
from gptcli.config import config_from_mapping
from gptcli.model.check.mistakes import MISTAKES, made, mistakes_for
from gptcli.model.check.one_dtype import OneDtype
from tests.conftest import Cli
from tests.model import planted_later
from tests.model.planted import IN_LECTURE, IN_NANOGPT
from tests.model.planted_later import IN_GEMMA2, IN_GEMMA3, IN_LLAMA, IN_MIXTURE, IN_QWEN, WAYS, plant

# What GPT-2 has too is planted there; here it shows that rows of GPT-2 fit later decoders.
PLANTED_IN_GPT2 = IN_LECTURE.keys() | IN_NANOGPT.keys()
PLANTED = [
    pytest.param(way, name, marks=[pytest.mark.slow] if name.strip() in PLANTED_IN_GPT2 else [])
    for way, (_, plants, _) in WAYS.items()
    for name in plants
]
DENSE: dict[str, Any] = {
    "vocab_size": 61, "context_length": 64, "emb_dim": 24, "n_heads": 4, "n_layers": 2, "hidden_dim": 40,
    "n_kv_groups": 2, "head_dim": 8, "positions": "rotary", "norm": "rms_norm", "norm_eps": 1e-6, "bias": False,
    "gated": True, "activation": "silu", "qk_norm": "head",
}  # fmt: skip
MIXTURE: dict[str, Any] = {
    **DENSE, "num_experts": 5, "num_experts_per_tok": 2, "moe_hidden_dim": 12, "router": "softmax",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Keep threads from waiting for each other over tensors of a few numbers."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def found_in(cli: Cli, *arguments: str) -> dict[str, Any]:
    outcome = cli("check", *arguments, "--json")
    assert outcome.code == 1, outcome.err
    found: dict[str, Any] = outcome.json["first_divergence"]
    return found


@pytest.mark.parametrize("way", WAYS)
def test_a_right_network_passes(cli: Cli, tmp_path: Path, way: str) -> None:
    outcome = cli("check", plant(tmp_path, way), "--json")
    assert outcome.code == 0, outcome.err
    document = outcome.json
    assert (document["ok"], document["looks_ahead"], document["deterministic"]) == (True, False, True)
    assert document["dtype"] == "fp64"
    assert not document["findings"]
    paths = {step["path"] for step in document["steps"]}
    assert {"wte", "h.0.attn.c_attn", "h.0.attn.mix", "h.1.attn", "h.1.mlp", "ln_f", "logits"} <= paths
    assert max(step["difference"] for step in document["steps"]) < 1e-12  # no island of fp32 rounds


@pytest.mark.parametrize(("way", "name"), PLANTED)
def test_a_mistake_is_named(cli: Cli, tmp_path: Path, way: str, name: str) -> None:
    found = found_in(cli, plant(tmp_path, way, name))
    assert found["mistakes"] == [name.strip()], found
    assert found["hint"]
    assert found["expected"] != found["found"]


def test_every_mistake_of_later_decoders_is_planted() -> None:
    planted = {name.strip() for plants in (IN_LLAMA, IN_QWEN, IN_MIXTURE, IN_GEMMA3, IN_GEMMA2) for name in plants}
    later = {mistake.name for network in networks() for mistake in mistakes_for(network)}
    gpt2 = {mistake.name for mistake in mistakes_for(describe_of(GPT2))}
    here = {"shares-not-renormalised", "shares-renormalised", "rotation-of-halves", "qk-norm-before-rotation"}
    assert later - gpt2 - planted - here - ONLY_DESCRIBED == set()


# Of wirings that none of the ways has: OLMo's, Cohere's, DeepSeek's and Qwen2-MoE's.
ONLY_DESCRIBED = {
    "norm-before-branch", "not-parallel", "softmax-for-sigmoid", "no-router-scale", "no-shared-expert",
    "no-shared-gate",
}  # fmt: skip
GPT2 = {"vocab_size": 61, "context_length": 16, "emb_dim": 24, "n_heads": 4, "n_layers": 2, "qkv_bias": True}


def describe_of(settings: dict[str, Any]) -> Network:
    return describe(config_from_mapping(settings, "here", name="small"))


def networks() -> list[Network]:
    return [
        describe_of(DENSE),
        describe_of({**DENSE, "rope_interleaved": True, "qk_norm_after_rope": True, "norm_position": "branch"}),
        describe_of({**DENSE, "norm_position": "parallel"}),
        describe_of(MIXTURE),
        describe_of({**MIXTURE, "router": "sigmoid", "router_renormalize": True, "router_scale": 2.5}),
        describe_of({**MIXTURE, "shared_hidden_dim": 16, "shared_gate": True}),
    ]


def test_what_only_other_wirings_have_is_a_mistake_there() -> None:
    assert {mistake.name for network in networks() for mistake in mistakes_for(network)} >= ONLY_DESCRIBED


def test_no_mistake_is_offered_that_changes_nothing() -> None:
    """With one key head, or as many as query heads, their order is right either way."""
    for groups, offered in ((1, False), (2, True), (4, False)):
        network = describe_of({**DENSE, "n_kv_groups": groups})
        assert any(mistake.name == "kv-heads-order" for mistake in mistakes_for(network)) == offered
    same, other = (describe_of({**DENSE, "attention_scale": scale}) for scale in (8**-0.5, 16**-0.5))
    assert not any(mistake.name == "scale-by-head-width" for mistake in mistakes_for(same))
    assert any(mistake.name == "scale-by-head-width" for mistake in mistakes_for(other))
    assert all(made(other, mistake) != other for mistake in MISTAKES if mistake.name == "rotation-interleaved")


def written(tmp_path: Path, settings: dict[str, Any]) -> list[str]:
    file = tmp_path / "small.json"
    file.write_text(json.dumps(settings))
    return ["-c", str(file)]


def test_shares_that_are_not_divided_by_their_sum_are_named(cli: Cli, tmp_path: Path) -> None:
    options = written(tmp_path, {**MIXTURE, "router_renormalize": True})
    assert cli("check", plant(tmp_path, "mixture", entry="Decoder"), *options).code == 0
    found = found_in(cli, plant(tmp_path, "mixture", "softmax-before-top-k", entry="Decoder"), *options)
    assert found["mistakes"] == ["shares-not-renormalised"]


def test_shares_that_are_divided_by_their_sum_are_named_too(cli: Cli, tmp_path: Path) -> None:
    options = written(tmp_path, MIXTURE)
    assert cli("check", plant(tmp_path, "mixture", "softmax-before-top-k", entry="Decoder"), *options).code == 0
    found = found_in(cli, plant(tmp_path, "mixture", entry="Decoder"), *options)
    assert found["mistakes"] == ["shares-renormalised"]


def test_rotation_of_halves_is_named_where_neighbours_are_right(cli: Cli, tmp_path: Path) -> None:
    options = written(tmp_path, {**DENSE, "rope_interleaved": True})
    assert found_in(cli, plant(tmp_path, "qwen", entry="Decoder"), *options)["mistakes"] == ["rotation-of-halves"]
    assert cli("check", plant(tmp_path, "qwen", "rotation-interleaved", entry="Decoder"), *options).code == 0


def test_norms_before_the_rotation_are_named_where_they_belong_after(cli: Cli, tmp_path: Path) -> None:
    options = written(tmp_path, {**DENSE, "qk_norm_after_rope": True})
    assert found_in(cli, plant(tmp_path, "qwen", entry="Decoder"), *options)["mistakes"] == ["qk-norm-before-rotation"]
    assert cli("check", plant(tmp_path, "qwen", "qk-norm-after-rotation", entry="Decoder"), *options).code == 0


def test_a_class_is_called_with_the_dictionary_of_its_file(cli: Cli, tmp_path: Path) -> None:
    source, _, _ = WAYS["llama"]
    one = source[: source.index("QWEN = {")] + source[source.index("def angles") :]
    file = tmp_path / "one.py"
    file.write_text(one.replace("    return Decoder(QWEN)\n", "").replace("def make_qwen():\n", ""))
    file.write_text(file.read_text().partition("\n\ndef make_mixture")[0])
    assert cli("check", f"{file}:Llama", "--json").code == 0
    outcome = cli("check", f"{file}:Llama", "--set", "n_layers=3", "--json")
    assert outcome.json["config"]["n_layers"] == 3
    assert outcome.code == 0


def test_of_several_dictionaries_one_has_to_be_said(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("check", plant(tmp_path, "llama", entry="Llama"))
    assert outcome.code == 2
    assert "LLAMA, QWEN, MIXTURE; say which with -c" in outcome.err.replace("\n", " ")


def test_a_model_that_keeps_no_config_is_told_by_the_only_dictionary_of_its_file(cli: Cli, tmp_path: Path) -> None:
    source, _, _ = WAYS["llama"]
    start, end = source.index("QWEN = {"), source.index("def angles")
    one = (source[:start] + source[end:]).partition("\n\ndef make_qwen")[0]
    file = tmp_path / "silent.py"
    file.write_text(one.replace("        self.cfg = cfg\n", "").replace('.to(self.cfg["dtype"])', ""))
    outcome = cli("check", f"{file}:make_llama", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["config"]["rope_scaling"] == "llama3"


def test_a_text_shorter_than_the_window_is_noted(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("check", plant(tmp_path, "gemma3"), "--token-ids", "1,2,3", "--json")
    assert outcome.code == 0, outcome.err
    assert [finding["kind"] for finding in outcome.json["findings"]] == ["window-not-seen"]
    longer = cli("check", plant(tmp_path, "gemma3"), "--set", "sliding_window=11", "--json").json
    assert len(longer["input_ids"][0]) == 14


def test_split_and_fused_projections_are_both_known(cli: Cli, tmp_path: Path) -> None:
    target = plant(tmp_path, "gemma3")
    file = Path(target.rpartition(":")[0])
    source = file.read_text()
    split = source.replace(
        "self.gate_up_proj = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=False)",
        "self.gate_proj, self.up_proj = "
        "(nn.Linear(config.hidden_size, config.intermediate_size, bias=False) for _ in 'gu')",
    ).replace("self.gate_up_proj(x).chunk(2, dim=-1)", "self.gate_proj(x), self.up_proj(x)")
    assert split != source
    file.write_text(split)
    assert cli("check", target).code == 0


TRANSFORMERS = """
import transformers
SIZES = dict(
    vocab_size=61, hidden_size=24, num_attention_heads=4, num_key_value_heads=2, num_hidden_layers=2,
    intermediate_size=40, max_position_embeddings=64, pad_token_id=0, bos_token_id=1, eos_token_id=2,
)


def make(name, **more):
    config = getattr(transformers, f"{name}TextConfig", None) or getattr(transformers, f"{name}Config")
    config = config(**SIZES, **more)
    config._experts_implementation = "eager"  # the others have no fp64
    return getattr(transformers, f"{name}ForCausalLM")(config)
"""
FAMILIES = {
    "Llama": "rope_parameters={'rope_type': 'llama3', 'rope_theta': 5e5, 'factor': 8.0, 'low_freq_factor': 1.0, "
    "'high_freq_factor': 4.0, 'original_max_position_embeddings': 16}",
    "Qwen3": "head_dim=8",
    "Gemma3": "head_dim=8, sliding_window=5, query_pre_attn_scalar=16, "
    "layer_types=['sliding_attention', 'full_attention']",
    "Phi3": "tie_word_embeddings=True",
    "Olmo2": "rms_norm_eps=1e-5",
    "Cohere": "logit_scale=0.5",
    "Mixtral": "num_local_experts=4",
    "Qwen3Moe": "head_dim=8, num_experts=5, num_experts_per_tok=2, moe_intermediate_size=12",
}


@pytest.mark.parity
@pytest.mark.parametrize("name", FAMILIES)
def test_transformers_own_models_pass(cli: Cli, tmp_path: Path, name: str) -> None:
    file = tmp_path / "theirs.py"
    file.write_text(f"{TRANSFORMERS}\n\ndef model():\n    return make({name!r}, {FAMILIES[name]})\n")
    outcome = cli("check", f"{file}:model", "--json")
    assert outcome.code == 0, outcome.err
    assert max(step["difference"] for step in outcome.json["steps"]) < 1e-12


def test_narrower_dtypes_are_widened_and_nothing_else() -> None:
    with OneDtype(torch.float64):
        found = (
            torch.ones(1, dtype=torch.float32),
            torch.ones(1, dtype=torch.float64).float(),
            torch.ones(1, dtype=torch.float64).to(torch.bfloat16),
            torch.ones(1, dtype=torch.float64).softmax(-1, dtype=torch.float32),
            torch.nn.Linear(1, 1, dtype=torch.bfloat16).weight,
        )
        assert torch.ones(1, dtype=torch.int64).dtype == torch.int64
    assert {each.dtype for each in found} == {torch.float64}
    with OneDtype(torch.float32):
        assert torch.ones(1, dtype=torch.float64).dtype == torch.float64
        assert torch.ones(1, dtype=torch.float16).dtype == torch.float32


def test_each_source_is_written_anew_from_its_own_plants() -> None:
    for source, plants, _ in planted_later.WAYS.values():
        for name, pieces in plants.items():
            assert all(piece in source for piece in pieces), name
