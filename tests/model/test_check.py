"""``gptcli check`` on networks with planted mistakes: each is named, in both ways of writing; right ones pass."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml

import gptcli.model.check.run  # noqa: F401  # loaded once here, rather than by the child of every test
from gptcli.architecture import describe
from gptcli.config import config_from_mapping
from gptcli.model.check.mistakes import MISTAKES, mistakes_for
from tests.conftest import Cli
from tests.model.planted import IN_LECTURE, IN_NANOGPT, SIZES, WAYS, plant

PLANTED = [(way, name) for way, (_, plants, _) in WAYS.items() for name in plants]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Keep threads from waiting for each other over tensors of a few numbers."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def options(tmp_path: Path) -> Iterator[dict[str, list[str]]]:
    """Options by way: the lecture's class needs a config, nanoGPT's function none."""
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(SIZES))
    return {"lecture": ["-c", str(file)], "nanogpt": []}  # type: ignore[return-value]


def test_every_mistake_is_planted_in_both_ways() -> None:
    forms = ({**SIZES, "qkv_bias": True, "activation": form} for form in ("gelu", "gelu_tanh"))
    described = [describe(config_from_mapping(form, "here", name="small")) for form in forms]
    known = {mistake.name for network in described for mistake in mistakes_for(network)} | {"dropout-left-on"}
    assert known - IN_LECTURE.keys() == {"tanh-gelu", "qkv-bias-unused"}  # exact by config; there is no such bias
    assert known - IN_NANOGPT.keys() == {"exact-gelu"}  # which is nanoGPT's own
    assert IN_LECTURE.keys() | IN_NANOGPT.keys() == known


@pytest.mark.parametrize("way", WAYS)
def test_a_right_network_passes(cli: Cli, tmp_path: Path, options: dict[str, list[str]], way: str) -> None:
    outcome = cli("check", plant(tmp_path, way), *options[way], "--json")
    assert outcome.code == 0, outcome.err
    document = outcome.json
    assert (document["ok"], document["first_divergence"]) == (True, None)
    assert (document["looks_ahead"], document["deterministic"]) == (False, True)
    assert all(step["ok"] and step["difference"] <= step["tolerance"] for step in document["steps"])
    paths = [step["path"] for step in document["steps"]]
    assert {"wte", "embed", "h.0.attn.c_attn", "h.1.attn", "h.1.add_1", "h.1.mlp.act", "ln_f", "logits"} <= set(paths)
    assert len(paths) == len(set(paths))


@pytest.mark.parametrize(("way", "name"), PLANTED)
def test_a_mistake_is_named(cli: Cli, tmp_path: Path, options: dict[str, list[str]], way: str, name: str) -> None:
    outcome = cli("check", plant(tmp_path, way, name), *options[way], "--json")
    assert outcome.code == 1, outcome.err
    document = outcome.json
    found = document["first_divergence"]
    assert document["ok"] is False
    assert found["mistakes"] == [name], found
    assert found["hint"]
    if name != "dropout-left-on":
        hints = [mistake.hint for mistake in MISTAKES if mistake.name == name] or ["1 head, 24 wide"]
        assert any(hint in found["hint"] for hint in hints)
        assert found["expected"] != found["found"]
