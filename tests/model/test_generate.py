"""Generation: what the lecture's loop gives, with and without a cache, alone and together, across the boundary."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from msgspec.structs import asdict, replace
from torch import Tensor

from gptcli.architecture import AttentionPath, describe
from gptcli.config import ModelConfig
from gptcli.errors import GptcliError
from gptcli.model.cache import KVCache
from gptcli.model.forward import BuildOptions, build
from gptcli.model.generate import Generated, generate
from gptcli.model.gpt import GPT
from gptcli.model.sampling import Sampling, distribution, draw
from tests.naive import NaiveGPT
from tests.strategies import configs

CONFIG = ModelConfig(vocab_size=211, context_length=16, emb_dim=24, n_heads=3, n_layers=3)
PROMPTS = [[5, 17, 3], [9], [100, 7, 7], [1, 2, 3, 4, 5, 6, 7, 8]]
ATTENTION: list[AttentionPath] = ["sdpa", "explicit"]


def naive_loop(model: Callable[[Tensor], Tensor], prompt: list[int], new: int, context: int) -> list[int]:
    """The lecture's ``generate_text_simple``, line by line."""
    idx = torch.tensor([prompt])
    for _ in range(new):
        idx_cond = idx[:, -context:]
        with torch.no_grad():
            logits = model(idx_cond)
        probas = torch.softmax(logits[:, -1, :], dim=-1)
        idx_next = torch.argmax(probas, dim=-1, keepdim=True)
        idx = torch.cat((idx, idx_next), dim=1)
    ids: list[int] = idx[0, len(prompt) :].tolist()
    return ids


def ids_of(model: GPT, prompts: list[list[int]], new: int, **options: Any) -> list[list[int]]:
    return [text.ids for text in generate(model, prompts, max_new_tokens=new, **options)[0]]


@pytest.mark.parametrize("attention", ATTENTION)
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("cached", [True, False], ids=["cache", "no-cache"])
def test_greedy_ids_are_those_of_the_lectures_loop(attention: AttentionPath, tied: bool, cached: bool) -> None:
    config = replace(CONFIG, weight_tying=tied, drop_rate=0.1)
    torch.manual_seed(123)
    naive = NaiveGPT(asdict(config)).eval()
    model = build(describe(config), BuildOptions(attention=attention))
    for prompt in (*PROMPTS, list(range(15)), list(range(16)), list(range(40))):
        # 20 tokens more than half fill the context of 16, and then the window slides.
        assert ids_of(model, [prompt], 20, cached=cached) == [naive_loop(naive, prompt, 20, config.context_length)]


@settings(max_examples=40, deadline=None)
@given(configs())
def test_the_cache_changes_nothing_for_any_model(config: ModelConfig) -> None:
    model = build(describe(config), BuildOptions(attention=ATTENTION[config.n_layers % 2], init="torch"))
    prompts = [[0], [config.vocab_size - 1] * min(3, config.context_length)]
    with_cache, without = (ids_of(model, prompts, config.context_length + 3, cached=cached) for cached in (True, False))
    assert with_cache == without


@pytest.mark.parametrize("attention", ATTENTION)
def test_together_is_as_alone(attention: AttentionPath) -> None:
    model = build(describe(CONFIG), BuildOptions(attention=attention))
    alone = [ids_of(model, [prompt], 20)[0] for prompt in PROMPTS]
    assert ids_of(model, PROMPTS, 20) == alone
    assert ids_of(model, PROMPTS[::-1], 20) == alone[::-1]


def test_equal_lengths_run_together() -> None:
    model = build(describe(CONFIG), BuildOptions())
    shapes: list[tuple[int, ...]] = []
    model.get_submodule("wte").register_forward_hook(
        lambda _module, inputs, _output: shapes.append(tuple(inputs[0].shape))
    )
    ids_of(model, PROMPTS, 2)
    assert shapes == [(1, 1), (1, 1), (2, 3), (2, 1), (1, 8), (1, 1)]


def test_a_token_is_read_once_and_beyond_the_context_the_window_is_read_again() -> None:
    model = build(describe(CONFIG), BuildOptions())
    lengths: list[int] = []
    model.get_submodule("wte").register_forward_hook(
        lambda _module, inputs, _output: lengths.append(inputs[0].shape[1])
    )
    ids_of(model, [list(range(13))], 6)
    assert lengths == [13, 1, 1, 1, 16, 16]


@pytest.mark.parametrize("attention", ATTENTION)
@pytest.mark.parametrize("parts", [[7], [1] * 7, [4, 3], [1, 5, 1], [3, 1, 3]])
def test_logits_behind_a_cache_are_those_without(attention: AttentionPath, parts: list[int]) -> None:
    model = build(describe(CONFIG), BuildOptions(attention=attention))
    ids = torch.randint(CONFIG.vocab_size, (2, 7), generator=torch.Generator().manual_seed(3))
    cache = KVCache(model.network, 2, 9, torch.float32, "cpu")
    with torch.no_grad():
        expected, read = model(ids), 0
        for part in parts:
            logits = model(ids[:, read : read + part], cache)
            read += part
            assert (cache.length, tuple(logits.shape)) == (read, (2, 1, CONFIG.vocab_size))
            torch.testing.assert_close(logits[:, 0], expected[:, read - 1], rtol=0, atol=1e-5)
        cache.truncate(3)
        assert cache.length == 3
        torch.testing.assert_close(model(ids[:, 3:], cache)[:, 0], expected[:, -1], rtol=0, atol=1e-5)


@pytest.mark.parametrize(("prompt", "new", "capacity"), [(3, 5, 8), (3, 50, 16), (40, 1, 16)])
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_the_cache_takes_2lbtc_numbers(prompt: int, new: int, capacity: int, dtype: str) -> None:
    model = build(describe(CONFIG), BuildOptions(dtype=dtype))
    _, cost = generate(model, [[1] * prompt] * 2, max_new_tokens=new)
    assert cost.kv_cache_bytes == 2 * 3 * 2 * capacity * 24 * (4 if dtype == "fp32" else 2)
    assert generate(model, [[1]], max_new_tokens=1, cached=False)[1].kv_cache_bytes == 0


class Stopper:
    """Says stop at the n-th token."""

    def __init__(self, after: int) -> None:
        self.seen: list[int] = []
        self.after = after

    def add(self, token_id: int) -> bool:
        self.seen.append(token_id)
        return len(self.seen) == self.after


def test_each_text_ends_by_itself() -> None:
    model = build(describe(CONFIG), BuildOptions())
    prompts = [PROMPTS[0], PROMPTS[2], PROMPTS[1]]
    full = ids_of(model, prompts, 12)
    end = next(token for token in full[1] if full[1].index(token) >= 2 and token not in full[0] + full[2])
    listeners = [Stopper(4), Stopper(99), Stopper(99)]
    texts, _ = generate(model, prompts, max_new_tokens=12, listeners=listeners, end_ids=frozenset({end}))
    ended = full[1].index(end)
    assert texts == [
        Generated(full[0][:4], "stop"),
        Generated(full[1][: ended + 1], "end of text"),
        Generated(full[2], "length"),
    ]
    assert [listener.seen for listener in listeners] == [full[0][:4], full[1][:ended], full[2]]


def test_nothing_runs_behind_the_end_of_the_last_text() -> None:
    model = build(describe(CONFIG), BuildOptions())
    calls: list[int] = []
    model.get_submodule("wte").register_forward_hook(lambda *_: calls.append(1))
    generate(model, [PROMPTS[0], PROMPTS[2]], max_new_tokens=12, listeners=[Stopper(2), Stopper(3)])
    assert len(calls) == 3


def test_a_seed_draws_the_same_alone_and_together_and_another_draws_another() -> None:
    model = build(describe(CONFIG), BuildOptions())
    sampling = Sampling(temperature=1.5, top_k=50)
    together = ids_of(model, PROMPTS, 12, sampling=sampling, seed=5)
    alone = [ids_of(model, [prompt], 12, sampling=sampling, seed=5 + i)[0] for i, prompt in enumerate(PROMPTS)]
    assert together == alone
    assert together == ids_of(model, PROMPTS, 12, sampling=sampling, seed=5, cached=False)
    assert together != ids_of(model, PROMPTS, 12, sampling=sampling, seed=6)
    assert ids_of(model, [[5], [5]], 12, sampling=sampling, seed=2**64 - 1)[0] != together[0]


def test_sampling_leaves_torchs_own_generator_alone() -> None:
    model = build(describe(CONFIG), BuildOptions())
    before = torch.get_rng_state()
    ids_of(model, PROMPTS, 3, sampling=Sampling(1.0))
    assert torch.equal(before, torch.get_rng_state())


def test_draws_follow_the_distribution() -> None:
    probabilities = torch.tensor([0.0, 0.5, 0.0, 0.2, 0.3, 0.0], dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    counts = torch.bincount(torch.tensor([draw(probabilities, generator) for _ in range(4000)]), minlength=6)
    torch.testing.assert_close(counts / 4000, probabilities.float(), rtol=0, atol=0.03)
    assert (counts[probabilities == 0] == 0).all()


@pytest.mark.parametrize("temperature", [1e-300, 1e-9, 1e300])
def test_extreme_temperatures_give_probabilities(temperature: float) -> None:
    logits = torch.tensor([1.0, 3.0, 2.0])
    probabilities = distribution(logits, Sampling(temperature))
    expected = torch.tensor([0.0, 1.0, 0.0]) if temperature < 1 else torch.full((3,), 1 / 3)
    torch.testing.assert_close(probabilities.float(), expected)


def test_top_k_keeps_ties_and_top_p_the_one_that_reaches_it() -> None:
    logits = torch.tensor([0.1, 0.4, 0.4, 0.05, 0.05]).log()
    assert distribution(logits, Sampling(1.0, top_k=1)).tolist() == pytest.approx([0, 0.5, 0.5, 0, 0])
    assert distribution(logits, Sampling(1.0, top_k=99)).tolist() == pytest.approx([0.1, 0.4, 0.4, 0.05, 0.05])
    assert distribution(logits, Sampling(1.0, top_p=0.3)).tolist() == pytest.approx([0, 1, 0, 0, 0])
    assert distribution(logits, Sampling(1.0, top_p=0.85)).tolist() == pytest.approx([1 / 9, 4 / 9, 4 / 9, 0, 0])
    assert distribution(logits, Sampling(1.0, top_p=1.0)).count_nonzero() == 5


def test_logits_that_are_no_numbers_are_an_error() -> None:
    model = build(describe(CONFIG), BuildOptions())
    with torch.no_grad():
        model.get_parameter("ln_f.weight")[0] = float("nan")
    with pytest.raises(GptcliError, match="not numbers"):
        generate(model, [[1]], max_new_tokens=1)
