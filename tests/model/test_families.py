"""Small networks of many families give the logits of transformers' own, with the same random weights."""

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

import pytest
import torch
from msgspec.structs import replace
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import AutoConfig, AutoModelForCausalLM

from gptcli.architecture import AttentionPath, describe, elements
from gptcli.architecture.listing import parts_of
from gptcli.config import ModelConfig
from gptcli.model.cache import KVCache
from gptcli.model.described import described_logits
from gptcli.model.forward import BuildOptions, build
from gptcli.model.generate import generate
from gptcli.model.gpt import GPT
from gptcli.model.measure import kept, storage_bytes
from tests.model.families import EXPERTS, FAMILIES, SCALINGS, Family

pytestmark = pytest.mark.parity

TOLERANCE = 1e-4  # of the largest logit
ENDLESS: Any = {"eos_token_id": None, "pad_token_id": 0}
LENGTH = 24  # tokens: over every window and chunk


@cache
def _peer(family: Family) -> Any:
    """Return transformers' network, its weights drawn so large that every part counts."""
    torch.manual_seed(3)
    settings = AutoConfig.for_model(family.kind, **family.settings())
    peer = AutoModelForCausalLM.from_config(settings, experts_implementation="eager").float().eval()
    with torch.no_grad():
        for name, tensor in [*peer.named_parameters(), *peer.named_buffers()]:
            if isinstance(tensor, nn.Parameter) or name.endswith("correction_bias"):
                tensor.normal_(1.0 if "norm" in name and name.endswith("weight") else 0.0, 0.4)
    return peer


def _ours(family: Family, config: ModelConfig, attention: AttentionPath) -> GPT:
    model, state = GPT(describe(config, attention)).eval(), _peer(family).state_dict()
    with torch.no_grad():
        for path, tensor in [*model.named_parameters(), *model.named_buffers()]:
            tensor.copy_(family.weight(state, path))
    return model


@cache
def _expected(family: Family) -> tuple[Tensor, Tensor]:
    """Return ids (2, T), none of them the one that pads, and the peer's logits."""
    ids = torch.randint(1, 61, (2, LENGTH), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return ids, _peer(family)(ids).logits


def _named(name: str) -> Family:
    return next(each for each in FAMILIES if each.name == name)


def _departure(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.fixture(params=FAMILIES, ids=lambda family: family.name)
def family(request: pytest.FixtureRequest) -> Iterator[Family]:
    yield request.param


@pytest.mark.parametrize("attention", ["explicit", "sdpa"])
def test_logits_equal_the_peers(family: Family, attention: AttentionPath) -> None:
    ids, expected = _expected(family)
    with torch.no_grad():
        assert _departure(_ours(family, family.config(), attention)(ids), expected) < TOLERANCE / 10


@pytest.mark.parametrize("attention", ["explicit", "sdpa"])
def test_the_listed_steps_give_the_described_shapes_and_the_same_logits(
    family: Family, attention: AttentionPath
) -> None:
    ids, model = _expected(family)[0], _ours(family, family.config(), attention)
    with torch.no_grad():
        assert torch.equal(described_logits(model, ids), model(ids))


@pytest.mark.parametrize("attention", ["explicit", "sdpa"])
@pytest.mark.parametrize("parts", [[17, *[1] * (LENGTH - 17)], [3, 12, 1, 8]], ids=str)
def test_tokens_behind_a_cache_equal_the_peers(family: Family, attention: AttentionPath, parts: list[int]) -> None:
    (ids, expected), model = _expected(family), _ours(family, family.config(), attention)
    cache, read = KVCache(model.network, len(ids), LENGTH, torch.float32, "cpu"), 0
    for part in parts:
        with torch.no_grad():
            logits = model(ids[:, read : read + part], cache)
        read += part
        assert _departure(logits[:, 0], expected[:, read - 1]) < TOLERANCE / 10


@pytest.mark.parametrize("length", [12, 40, 90])
@pytest.mark.parametrize("family", SCALINGS, ids=lambda family: family.name)
def test_rotation_is_stretched_as_the_peers(family: Family, length: int) -> None:
    """Up to the original length, past it, and past the context length."""
    ids = torch.randint(61, (1, length), generator=torch.Generator().manual_seed(2))
    _peer.cache_clear()  # some of them keep the frequencies of the longest text so far
    with torch.no_grad():
        expected = _peer(family)(ids).logits
        found = _ours(family, family.config(), "sdpa")(ids)
    assert _departure(found, expected) < TOLERANCE / 10


@pytest.mark.parametrize("attention", ["explicit", "sdpa"])
@pytest.mark.parametrize("family", [*FAMILIES, *SCALINGS], ids=lambda family: family.name)
def test_what_the_leaves_keep_is_described(family: Family, attention: AttentionPath) -> None:
    """Beside parameters: frequencies, slopes, corrections; `memory` has a line for them, and `verify` counts them."""
    network = describe(family.config(), attention)
    described = sum(
        elements(shape, network.sizes) * found.amount * 4
        for found, part in parts_of(network)
        for shape in part.held(found.sizes(network.sizes))
    )
    model = GPT(network)
    assert storage_bytes(kept(model)) - storage_bytes(model.parameters()) == described


# What is planted: another base of rotation (or other slopes), a window that is one token wider, another eps or scale.
_PLANTED: dict[str, list[dict[str, Any]]] = {
    "llama": [{"rope_base": 10100.0}, {"rope_interleaved": True}, {"norm_eps": 1e-3}],
    "mistral": [{"rope_base": 10100.0}, {"sliding_window": 6}, {"norm_eps": 1e-3}],
    "gemma2": [{"rope_base": 10100.0}, {"sliding_window": 7}, {"embedding_scale": 32.1**0.5}],
    "gemma3_text": [{"rope_local_base": 1010.0}, {"sliding_window": 7}, {"attention_scale": 0.251}],
    "bloom-6": [{"alibi_max": 8.1}, {"embedding_norm": False}, {"norm_eps": 1e-4}],
    "gpt_oss": [{"rope_base": 151000.0}, {"sliding_window": 7}, {"glu_alpha": 1.71}],
    "deepseek_v3": [{"rope_base": 10100.0}, {"rope_mscale_all_dim": 0.71}, {"router_scale": 2.51}],
    "llama4_text": [{"rope_base": 505000.0}, {"attention_chunk": 8}, {"temperature_scale": 0.31}],
    "smollm3-window": [{"sliding_window": 6}, {"layer_pattern": "FN"}, {"layer_pattern": "FL"}],
    "llama4-chunks-unplaced": [{"attention_chunk": 8}, {"layer_pattern": "FN"}, {"layer_pattern": "FC"}],
    "gemma3-local-stretched": [{"rope_scaled_layers": "full"}, {"rope_scaled_layers": "all"}, {"rope_factor": 4.1}],
    "granite": [{"rope_base": 10100.0}, {"attention_scale": 0.201}, {"residual_scale": 0.401}],
}


@pytest.mark.parametrize(("name", "planted"), [(name, each) for name, found in _PLANTED.items() for each in found])
def test_a_planted_error_exceeds_the_tolerance(name: str, planted: dict[str, Any]) -> None:
    family = _named(name)
    ids, expected = _expected(family)
    config = family.config()
    wrong, weights = GPT(describe(replace(config, **planted))).eval(), dict(_ours(family, config, "sdpa").state_dict())
    wrong.load_state_dict(weights, strict=False)
    with torch.no_grad():
        assert _departure(wrong(ids), expected) > 2 * TOLERANCE


@pytest.mark.parametrize(
    "name", ["llama", "mistral", "gemma3_text", "falcon-alibi", "xglm", "gpt_oss", "deepseek_v3", "llama4_text"]
)
@pytest.mark.parametrize("cached", [True, False])
def test_greedy_texts_equal_the_peers_past_window_and_context(name: str, cached: bool) -> None:
    family = _named(name)
    model, peer = _ours(family, family.config(), "sdpa"), _peer(family)
    prompt = [7, 3, 11]
    (text,), _ = generate(model, [prompt], max_new_tokens=80, cached=cached)
    with torch.no_grad():
        expected = peer.generate(torch.tensor([prompt]), max_new_tokens=80, do_sample=False, **ENDLESS)
    assert text.ids == expected[0, 3:].tolist()
    assert len(set(text.ids)) > 2  # no text of one token


def test_a_text_that_outgrows_the_short_factors_is_read_again() -> None:
    family = next(each for each in SCALINGS if each.name == "longrope")
    _peer.cache_clear()
    model, peer = _ours(family, family.config(), "sdpa"), _peer(family)
    (text,), _ = generate(model, [[7, 3, 11]], max_new_tokens=40)
    with torch.no_grad():
        expected = peer.generate(torch.tensor([[7, 3, 11]]), max_new_tokens=40, do_sample=False, **ENDLESS)
    assert text.ids == expected[0, 3:].tolist()


@pytest.mark.parametrize("family", EXPERTS, ids=lambda family: family.name)
def test_gradients_of_experts_equal_the_peers(family: Family) -> None:
    ids, _ = _expected(family)
    peer, model = _peer(family), _ours(family, family.config(), "sdpa")
    for network in (peer, model):
        network.zero_grad()
    peer(ids).logits.square().mean().backward()
    model(ids).square().mean().backward()
    state = {name: tensor.grad for name, tensor in peer.named_parameters() if tensor.grad is not None}
    for path, tensor in model.named_parameters():
        if "correction" not in path:
            assert tensor.grad is not None
            assert _departure(tensor.grad, family.weight(state, path)) < TOLERANCE, path


@pytest.mark.parametrize("name", ["mixtral", "gpt_oss", "deepseek_v3", "gemma3_text", "mpt", "stablelm"])
@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
def test_random_networks_of_every_dtype_give_numbers(name: str, dtype: str) -> None:
    model = build(describe(_named(name).config(), "sdpa"), BuildOptions(dtype=dtype))
    with torch.inference_mode():
        logits = model(torch.arange(20)[None])
    assert logits.isfinite().all()
    assert logits.dtype == model.dtype


@pytest.mark.parametrize(
    "name", ["mixtral", "gpt_oss", "deepseek_v3", "llama4_text", "phimoe", "bloom-6", "gemma3_text"]
)
@pytest.mark.parametrize("tokens", [1, 12])
def test_tensors_without_numbers_run_too(name: str, tokens: int) -> None:
    """They have no routing; all experts get equal shares."""
    for attention in get_args(AttentionPath):
        with FakeTensorMode():
            model = GPT(describe(_named(name).config(), attention))
            model(torch.zeros(2, tokens, dtype=torch.int64)).sum().backward()
        logits = GPT(describe(_named(name).config(), attention), device="meta")(
            torch.zeros(1, tokens, dtype=torch.int64, device="meta")
        )
        assert logits.shape == (1, tokens, 61)
