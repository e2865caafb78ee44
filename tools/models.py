"""The families of decoders that gptcli builds, with what each was held against: ``python -m tools.models``.

Without options it prints docs/models.md as the tree says it; ``--check`` exits with 1 where the page in the tree
differs, ``--write`` writes it. ``--measure`` measures anew: it builds a small network of each family with transformers,
saves it, reads it back and compares logits and greedy tokens, which takes minutes; without it the page's figures stand.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from math import ceil, log10
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, get_args

from gptcli.architecture import AttentionPath
from gptcli.config import ModelConfig
from gptcli.config.dialects.huggingface._translate import known_families
from gptcli.config.load import config_from_mapping
from gptcli.config.pattern import CHUNKS, UNPLACED, WINDOWS

TOKENS, PROMPT, NEW = 40, 11, 40
ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "models.md"
DATA = ROOT / "tests" / "data" / "decoders"

_HEAD = """# Families of decoders

A family is a `model_type` of Hugging Face's transformers. gptcli reads its `config.json`, counts it, runs it on random
weights or on a checkpoint in transformers' layout, draws it and keeps its books. Any other `model_type` is refused by
name.

`python -m tools.models` prints this page; `python -m tools.models --measure` measures it anew.

- **Counts**: parameters, active parameters, bytes of the KV cache and FLOPs of {files} configs in
  `tests/data/decoders`, as transformers' own modules give them. All errors are 0 (`tests/config/test_families.py`).
- **Logits**: a small network with random weights, norms and biases, saved by `save_pretrained` and read back: the
  largest departure from transformers' logits on both paths of attention, as a share of the largest logit
  (`tests/parity/test_family_weights.py`).
- **Greedy**: of 40 tokens, how many equal `generate(do_sample=False)`.
- **Books**: the peaks of a forward pass, of generation and of a training step, tied and untied, on both paths of
  attention, equal to the byte to what torch allocates (`tests/analysis/test_families.py`, `make accuracy`).

"""
_WORDS = {
    "learned": "learned positions",
    "sinusoidal": "sinusoidal positions",
    "rotary": "rotary",
    "alibi": "ALiBi",
    "none": "no positions",
}


def words_of(config: ModelConfig) -> dict[str, str]:
    """Return what a family has, by region of the network."""
    return {
        "positions": ", ".join(_positions(config)),
        "attention": ", ".join(_attention(config)),
        "norms": ", ".join(_norms(config)),
        "feed forward": ", ".join(_feed_forward(config)),
        "else": ", ".join(_else(config)),
    }


def _positions(config: ModelConfig) -> Iterator[str]:
    yield _WORDS[config.positions]
    if config.rope_fraction != 1:
        yield "part of a head"
    if config.rope_interleaved:
        yield "interleaved"
    if config.rope_reversed:
        yield "reversed"
    if config.rope_local_base is not None:
        yield "two bases"
    if UNPLACED & set(config.layer_pattern):
        yield "some layers without"
    if config.rope_scaling != "none":
        yield config.rope_scaling


def _attention(config: ModelConfig) -> Iterator[str]:
    if config.kv_lora_rank:
        yield "latent"
    elif config.n_kv_groups not in (None, config.n_heads):
        yield "grouped" if config.n_kv_groups != 1 else "one KV head"
    for letters, words in ((WINDOWS, "windows"), (CHUNKS, "chunks")):
        if letters & set(config.layer_pattern):
            yield words
    if config.qk_norm != "none":
        place = " after rotation" if config.qk_norm_after_rope else ""
        yield f"QK norm ({config.qk_norm.replace('_', ' ')}){place}"
    if config.qkv_bias:
        yield "QKV bias"
    if config.attention_softcap:
        yield "softcap"
    if config.attention_sinks:
        yield "sinks"
    if config.attention_scale is not None:
        yield "own scale"
    if config.clip_qkv:
        yield "cut"


def _norms(config: ModelConfig) -> Iterator[str]:
    kind = {"layer_norm": "layer norm", "rms_norm": "RMSNorm"}[config.norm]
    scale = {"weight": "", "one_plus_weight": " with 1 + w", "none": " without weights"}[config.norm_scale]
    yield kind + scale
    yield {
        "pre": "before",
        "post": "after the sum",
        "branch": "at the end of a branch",
        "sandwich": "before and after",
        "parallel": "parallel, one norm",
        "parallel_two": "parallel, two norms",
    }[config.norm_position]
    if config.embedding_norm:
        yield "embedding norm"
    if not config.final_norm:
        yield "no final norm"


def _feed_forward(config: ModelConfig) -> Iterator[str]:
    names = {"gelu_tanh": "GELU (tanh)", "gelu": "GELU", "silu": "SiLU", "relu": "ReLU", "relu2": "ReLU squared"}
    yield ("gated " if config.gated else "") + names.get(config.activation, config.activation)
    if config.num_experts:
        dense = ", dense layers too" if "D" in config.expert_pattern else ""
        yield f"experts by {config.router.replace('_', ' ')}{dense}"
    if config.shared_hidden_dim:
        yield "shared expert" + (" with a gate" if config.shared_gate else "")


def _else(config: ModelConfig) -> Iterator[str]:
    if config.weight_tying:
        yield "tied"
    if config.embedding_scale != 1:
        yield "embedding scale"
    if config.residual_scale != 1:
        yield "branch scale"
    if config.logit_scale != 1:
        yield "logit scale"
    if config.logit_softcap:
        yield "logit cap"
    if config.embedding_width:
        yield "narrow embedding"
    if config.head_bias:
        yield "head bias"


def families() -> dict[str, ModelConfig]:
    """Return a small config of each family."""
    return {
        path.stem.removesuffix("-a"): config_from_mapping(_said(path)["config"], path.name, name=path.stem)
        for path in sorted(DATA.glob("*-a.json"))
    }


def _said(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


class Measured(NamedTuple):
    """What was measured of a family: a power of ten above the largest error, and equal tokens of how many."""

    error: str
    greedy: str


def measured(family: str) -> Measured:
    """Build a small network of a family with transformers, read it back, and compare."""
    from gptcli.model.generate import generate
    from tests.parity.families import config_of, error, logits_of, ours, peer_of, saved, texts

    peer = peer_of(config_of(family))
    ids = texts(peer, TOKENS)
    expected = logits_of(peer, ids)
    prompt = ids[:1, :PROMPT]
    text = peer.generate(
        prompt, do_sample=False, min_new_tokens=NEW, max_new_tokens=NEW, eos_token_id=None, pad_token_id=0
    )[0, PROMPT:].tolist()
    with TemporaryDirectory() as folder:
        recognised = saved(peer, Path(folder))
        errors = [error(logits_of(ours(recognised, path), ids), expected) for path in get_args(AttentionPath)]
        found, _ = generate(ours(recognised), prompt.tolist(), max_new_tokens=NEW)
    equal = sum(a == b for a, b in zip(found[0].ids, text, strict=True))
    return Measured(f"< 1e{ceil(log10(max(errors))) if max(errors) else -9}", f"{equal} of {NEW}")


def page(figures: dict[str, Measured]) -> str:
    """Return the page."""
    lines = [_HEAD.format(files=len(list(DATA.glob("*.json")))), *_COLUMNS]
    for family, config in families().items():
        words, found = words_of(config), figures[family]
        lines.append(f"| {' | '.join((family, *words.values(), found.error, found.greedy))} |")
    return "\n".join(lines) + "\n"


_COLUMNS = (
    "| `model_type` | positions | attention | norms | feed forward | else | logits | greedy |",
    "|---|---|---|---|---|---|---|---|",
)


def stated() -> dict[str, Measured]:
    """Return the figures that the page in the tree states."""
    if not PAGE.exists():
        return {}
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    return {row[0]: Measured(row[-2], row[-1]) for row in rows[1:]}


def main() -> int:
    """Print, check, write or measure; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true")
    mode.add_argument("--write", action="store_true")
    parser.add_argument("--measure", action="store_true")
    chosen = parser.parse_args()
    if without := sorted(set(known_families()) - families().keys()):
        print(f"error: no config in tests/data/decoders: {', '.join(without)}; add NAME-a.json", file=sys.stderr)
        return 1
    figures = {family: measured(family) for family in families()} if chosen.measure else stated()
    missing = [family for family in families() if family not in figures]
    if missing:
        print(f"error: not measured: {', '.join(missing)}; python -m tools.models --measure --write", file=sys.stderr)
        return 1
    text = page(figures)
    if chosen.write:
        PAGE.write_text(text, encoding="utf-8")
    elif not chosen.check:
        print(text, end="")
    elif text != PAGE.read_text(encoding="utf-8"):
        print("docs/models.md differs from what the tree says: python -m tools.models --write", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
