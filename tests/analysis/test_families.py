"""The books of every family: each peak equal to the byte to what torch allocates, on real and on fake tensors."""

from typing import Any

import pytest
from msgspec.structs import replace

from gptcli.analysis.workload import Workload
from gptcli.api.figures import CHECKS, checks
from gptcli.architecture.books import NotInBooksError
from gptcli.config import ModelConfig
from gptcli.config.dialects.huggingface._translate import known_families
from tools.family_books import BATCH, MODES, TOKENS, cut, figures, network
from tools.models import families

CONFIGS = {family: cut(config) for family, config in families().items()}

# Families without books; exact, so that whoever writes them takes the family out.
WITHOUT_BOOKS: set[str] = set()

CELLS: list[dict[str, Any]] = [
    {"attention": attention, "tied": tied} for attention in ("sdpa", "explicit") for tied in (False, True)
]


def off(config: ModelConfig, *, fake: bool, attention: Any = "sdpa", tied: bool = False, **run: Any) -> list[str]:
    """Say which figures of a forward pass, of generation and of a training step are not exact, and by how much."""
    described = network(config, attention, tied=tied)
    whole: dict[str, Any] = {"batch": BATCH, "tokens": TOKENS, "optimizer": "sgd", "attention": attention, **run}
    return [
        f"{attention}, {'tied' if tied else 'untied'}, {run}: {each.name} {each.estimated - each.measured:+,} bytes"
        for mode in MODES
        for each in figures(described, Workload(mode=mode, **whole), fake=fake)
        if each.estimated != each.measured
    ]


def test_every_family_is_here() -> None:
    assert set(CONFIGS) == set(known_families())
    assert set(CONFIGS) >= WITHOUT_BOOKS


@pytest.mark.parametrize("family", CONFIGS)
def test_every_peak_is_exact(family: str) -> None:
    """A forward pass, a prompt and a token with a cache, a training step; past the window, where there is one.

    Both paths of attention, a tied head and one of its own, on real tensors.
    """
    if family in WITHOUT_BOOKS:
        with pytest.raises(NotInBooksError):
            off(CONFIGS[family], fake=False)
        return
    assert [line for cell in CELLS for line in off(CONFIGS[family], fake=False, **cell)] == []


# What a family runs otherwise: each was wrong, or in no books, once.
OTHERWISE: dict[str, tuple[str, dict[str, Any]]] = {
    "dropout of attention with shared keys": ("seed_oss", {"dtype": "bf16"}),
    "one token alone with shared keys": ("gpt_bigcode", {"batch": 1, "tokens": 1}),
    "norms without weights, in 16 bits, over heads": ("nanochat", {"dtype": "bf16", "attention": "explicit"}),
    "norms of halves under autocast": ("persimmon", {"amp": True}),
    "weights of each head under autocast": ("stablelm", {"amp": True}),
    "the same in steps": ("stablelm", {"amp": True, "attention": "explicit"}),
    "the same, run again": ("stablelm", {"amp": True, "attention": "explicit", "recompute": "block"}),
    "1 + weights that have gradients": ("gemma2", {"accumulate": 2, "tied": True}),
    "the same, run again layer by layer": ("gemma2", {"accumulate": 2, "recompute": "block"}),
}


@pytest.mark.parametrize("case", OTHERWISE)
def test_what_was_wrong_once_is_exact(case: str) -> None:
    family, run = OTHERWISE[case]
    assert off(CONFIGS[family], fake=False, **run) == []


# The small networks of these have no window.
WINDOWED = ["mistral", "mixtral", "phi3", "phimoe", "qwen2", "qwen3", "starcoder2"]


@pytest.mark.parametrize("attention", ["sdpa", "explicit"])
@pytest.mark.parametrize("family", WINDOWED)
def test_windows_are_exact(family: str, attention: str) -> None:
    config = replace(CONFIGS[family], layer_pattern="L", sliding_window=7)
    assert off(config, fake=False, attention=attention) == []


@pytest.mark.slow
@pytest.mark.parametrize("family", [family for family in CONFIGS if family not in WITHOUT_BOOKS])
def test_verify_quick_is_zero_in_every_line(family: str) -> None:
    """In one cell each, in turn: the peaks of the others are held above."""
    cell = CELLS[list(CONFIGS).index(family) % len(CELLS)]
    described = network(CONFIGS[family], **cell)
    step = Workload(mode="training", batch=BATCH, tokens=TOKENS, attention=cell["attention"])
    found = list(checks(described, Workload(batch=BATCH, tokens=TOKENS, attention=cell["attention"]), step, fake=True))
    assert len(found) == CHECKS
    assert [each for each in found if each.estimated != each.measured] == []
