"""What a layer keeps: all tokens, those of a window, those of a chunk."""

from typing import Any

import pytest
import torch
from torch import Tensor

from gptcli.architecture import describe
from gptcli.config import ModelConfig
from gptcli.model.cache import Kept, KVCache

READS = [[1] * 11, [11], [4, 1, 1, 5], [3, 6, 2], [1, 10], [5, 1, 1, 1, 1, 1, 1]]


def _kept(window: int | None, *, chunked: bool = False) -> Kept:
    return Kept((2, 11, 1), 1, window, chunked, torch.float32, "cpu")


def _tokens(first: int, count: int) -> Tensor:
    """Return tokens that hold their own positions, (2, T, 1)."""
    return torch.arange(first, first + count, dtype=torch.float32).view(1, -1, 1).expand(2, -1, -1)


def _seen(found: Tensor) -> list[int]:
    return [int(each) for each in found[0].flatten()]


@pytest.mark.parametrize("parts", READS, ids=str)
@pytest.mark.parametrize("window", [None, 1, 3, 4, 11])
def test_a_window_keeps_its_last_tokens(window: int | None, parts: list[int]) -> None:
    kept, read = _kept(window), 0
    assert kept.tensor.shape == (2, 11 if window is None else window, 1)
    for part in parts:
        seen = _seen(kept.extend(_tokens(read, part)))
        # What the first new token sees, or more of what is kept, up to the last new one.
        first = 0 if window is None else max(0, read - window + 1)
        assert sorted(seen)[-(read + part - first) :] == list(range(first, read + part))
        assert part == 1 or seen == sorted(seen)
        assert window is None or part > 1 or len(seen) <= window
        read += part
        assert kept.length == read


@pytest.mark.parametrize("parts", READS, ids=str)
@pytest.mark.parametrize("chunk", [1, 3, 4, 11])
def test_a_chunk_keeps_its_own_tokens(chunk: int, parts: list[int]) -> None:
    kept, read = _kept(chunk, chunked=True), 0
    for part in parts:
        seen = _seen(kept.extend(_tokens(read, part)))
        assert seen == list(range(seen[0], read + part))  # in order, from the start of the first new token's chunk
        assert seen[0] in ({0, read // chunk * chunk} if read + part <= chunk else {read // chunk * chunk})
        read += part


def test_a_window_goes_back_by_one_token_or_to_the_start() -> None:
    kept = _kept(3)
    kept.extend(_tokens(0, 7))
    kept.forget(6)
    assert sorted(_seen(kept.extend(_tokens(6, 1)))) == [4, 5, 6]
    with pytest.raises(ValueError, match="a window of 3 tokens behind 7 cannot go back to 5"):
        kept.forget(5)
    kept.forget(0)
    assert _seen(kept.extend(_tokens(0, 2))) == [0, 1]
    kept.forget(1)  # nothing has left the window yet
    assert _seen(kept.extend(_tokens(1, 2))) == [0, 1, 2]


def test_windows_and_latents_take_their_own_sizes() -> None:
    shared: Any = {
        "vocab_size": 11,
        "context_length": 32,
        "emb_dim": 12,
        "n_heads": 3,
        "n_layers": 2,
        "positions": "rotary",
    }
    local = KVCache(
        describe(ModelConfig(**shared, layer_pattern="LF", sliding_window=5, n_kv_groups=1)),
        2,
        20,
        torch.float32,
        "cpu",
    )
    assert [tuple(each.shape) for each in local.tensors()] == [(2, 1, 5, 4)] * 2 + [(2, 1, 20, 4)] * 2
    latent = ModelConfig(**shared, kv_lora_rank=6, qk_nope_head_dim=4, qk_rope_head_dim=2, v_head_dim=4)
    shapes = [tuple(each.shape) for each in KVCache(describe(latent), 2, 20, torch.float32, "cpu").tensors()]
    assert shapes == [(2, 20, 6), (2, 1, 20, 2)] * 2
