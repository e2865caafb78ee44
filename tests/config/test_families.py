"""Every family of Hugging Face's ``config.json``: figures of transformers' own modules, and what is refused."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gptcli.analysis.memory import kv_cache_bytes
from gptcli.analysis.params import count_active, count_parameters
from gptcli.analysis.workload import Workload
from gptcli.architecture import Network, describe
from gptcli.architecture.listing import parts_of
from gptcli.config import ModelConfig, load_config
from gptcli.config.dialects.huggingface._classes import class_of
from gptcli.config.dialects.huggingface._passed_over import PASSED_OVER
from gptcli.config.dialects.huggingface._translate import family_of, known_families
from gptcli.config.load import config_from_mapping

DATA = Path(__file__).parents[1] / "data" / "decoders"
ALL = {path.stem: path for path in sorted(DATA.glob("*.json"))}
FILES = list(ALL)
# Keys of older files, and those that code reads where a file has them.
OLDER = {
    "rope_theta", "rope_scaling", "partial_rotary_factor", "original_max_position_embeddings", "rope_local_base_freq",
    "rotary_emb_base", "rotary_pct", "rotary_dim", "sliding_window_pattern", "n_ctx", "n_embed", "seq_length",
    "attention_layers", "head_dim", "scoring_func", "topk_method", "moe_layer_freq",
}  # fmt: skip


@cache
def known(name: str) -> dict[str, Any]:
    found = json.loads(ALL[name].read_text())
    assert isinstance(found, dict)
    return found


def read(config: dict[str, Any]) -> ModelConfig:
    return config_from_mapping(config, "config.json", name="x")


def forward_flops(network: Network, batch: int, tokens: int) -> int:
    sizes = network.sizes_for(batch, tokens)
    return sum(
        found.amount * product.flops(found.sizes(sizes))
        for found, part in parts_of(network)
        for product in part.products()
    )


@pytest.mark.parametrize("name", FILES)
def test_figures_are_those_of_transformers(name: str) -> None:
    model = known(name)
    network, at, expected = describe(read(model["config"])), model["at"], model["expected"]
    cache_of = Workload(mode="generate", batch=at["batch"], tokens=at["tokens"], dtype=at["kv_dtype"])
    assert {
        "parameters": count_parameters(network),
        "active_parameters": count_active(network),
        "kv_cache_bytes": kv_cache_bytes(network, cache_of),
        "forward_flops": expected.get("forward_flops") and forward_flops(network, at["batch"], at["tokens"]),
    } == {"forward_flops": None} | expected


@pytest.mark.parametrize("model_type", known_families())
def test_a_family_names_only_keys_that_there_are(model_type: str) -> None:
    """A slip in a key's name would read nothing, and refuse what is meant."""
    family, keys = family_of(model_type), class_of(model_type.replace("-", "_")).keys.keys()
    assert set(family.keys) | family.run_only | set(family.instead) <= keys
    assert family.reads() - keys <= OLDER, "keys that no class has"
    assert not (family.reads() & PASSED_OVER)
    assert not (family.run_only & (family.reads() | family.nothing))


def test_the_table_of_classes_is_that_of_transformers() -> None:
    from tools.huggingface_classes import FILE, document

    assert FILE.read_text() == document(), "python -m tools.huggingface_classes --write"


@pytest.mark.parametrize("name", FILES)
def test_what_transformers_writes_leaves_nothing_to_say(name: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(known(name)["config"]))
    left_out = [note for note in load_config(str(path), environ={}).notes if "num_nextn_predict_layers" not in note]
    assert left_out == []
