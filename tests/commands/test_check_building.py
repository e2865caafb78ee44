"""``gptcli check`` builds the classes that people write: their settings, their keywords, their forwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import gptcli.model.check.run  # noqa: F401  # loaded once here, rather than by the child of every test
from tests.conftest import Cli
from tests.model.planted import LECTURE


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# A GPT-2 in nanoGPT's names whose sizes are its arguments.
PARTS = """
import math
from dataclasses import dataclass
import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.n_head = heads
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x, mask=None):
        b, t, c = x.shape
        q, k, v = (p.view(b, t, self.n_head, -1).transpose(1, 2) for p in self.c_attn(x).split(c, 2))
        scores = q @ k.transpose(-2, -1) / math.sqrt(c // self.n_head)
        scores = MASKED
        return self.c_proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, c))


class MLP(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x)))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn, self.mlp = Attention(width, heads), MLP(width)

    def forward(self, x, mask=None):
        x = x + self.attn(self.ln_1(x), mask)
        return x + self.mlp(self.ln_2(x))


class Body(nn.Module):
    def __init__(self, v, t, c, h, l):
        super().__init__()
        assert (v, t, c, h, l) == tuple(map(int, (v, t, c, h, l)))
        self.transformer = nn.ModuleDict({
            "wte": nn.Embedding(v, c), "wpe": nn.Embedding(t, c),
            "h": nn.ModuleList([Block(c, h) for _ in range(l)]), "ln_f": nn.LayerNorm(c),
        })
        self.lm_head = nn.Linear(c, v, bias=False)

    def logits(self, ids, mask=None):
        net = self.transformer
        x = net["wte"](ids) + net["wpe"](torch.arange(ids.shape[1]))
        for block in net["h"]:
            x = block(x, mask)
        return self.lm_head(net["ln_f"](x))

    def forward(self, ids):
        return self.logits(ids)

"""
OWN_MASK = 'scores.masked_fill(torch.ones(t, t).triu(1).bool(), float("-inf"))'


def write(folder: Path, own: str, mask: str = OWN_MASK, name: str = "my_gpt.py") -> str:
    file = folder / name
    file.write_text(PARTS.replace("MASKED", mask) + own, encoding="utf-8")
    return f"{file}:GPT"


CLASS = "\nclass GPT(Body):\n    def __init__(self, {arguments}):\n        super().__init__({sizes})\n"
READ = "config.vocab_size, config.block_size, config.n_embd, config.n_head, config.n_layer"
SMALL = (97, 32, 48, 4, 2)
OWN = (53, 20, 36, 3, 1)

# What stands in the file, and the sizes that are built where no config is named.
CONSTRUCTORS = {
    "keywords": (CLASS.format(arguments="vocab_size, n_embd, n_head, n_layer, block_size, dropout=0.1",
                              sizes="vocab_size, block_size, n_embd, n_head, n_layer"), SMALL),
    "other keywords": (CLASS.format(arguments="num_tokens, d_model, num_heads, num_layers, max_len, d_ff, device",
                                    sizes="num_tokens, max_len, d_ff // 4, num_heads, num_layers"), SMALL),
    "keywords of another hand": (CLASS.format(
        arguments="vocabulary_size, hidden_size, num_attention_heads, num_hidden_layers, max_position_embeddings",
        sizes="vocabulary_size, max_position_embeddings, hidden_size, num_attention_heads, num_hidden_layers"), SMALL),
    "the width as hidden_dim": (CLASS.format(arguments="vocab, hidden_dim, heads, depth, seq_len, mlp_ratio",
                                             sizes="vocab, seq_len, hidden_dim * mlp_ratio // 4, heads, depth"), SMALL),
    "letters": (CLASS.format(arguments="V, T, C, H, L", sizes="V, T, C, H, L"), SMALL),
    "keywords with defaults": (CLASS.format(
        arguments="vocab_size=53, context_length=20, emb_dim=36, n_heads=3, n_layers=1",
        sizes="vocab_size, context_length, emb_dim, n_heads, n_layers"), OWN),
    "some with defaults": (CLASS.format(arguments="vocab_size, block_size, n_embd=36, n_head=3, n_layer=1",
                                        sizes="vocab_size, block_size, n_embd, n_head, n_layer"), (97, 32, 36, 3, 1)),
    "nothing": ("\nclass GPT(Body):\n    def __init__(self):\n        super().__init__(53, 20, 36, 3, 1)\n", OWN),
    "a dataclass": (
        "\n@dataclass\nclass GPTConfig:\n    vocab_size: int = 53\n    block_size: int = 20\n    n_embd: int = 36\n"
        "    n_head: int = 3\n    n_layer: int = 1\n    dropout: float = 0.0\n"
        + CLASS.format(arguments="config",
                       sizes=READ), OWN),
    "a dataclass that needs sizes": (
        "\n@dataclass\nclass ModelArgs:\n    vocab_size: int\n    max_seq_len: int\n    dim: int\n    n_heads: int\n"
        "    n_layers: int\n    flash: bool\n"
        + CLASS.format(arguments="params: 'ModelArgs'", sizes=READ.replace("config", "params")
                       .replace("block_size", "max_seq_len").replace("n_embd", "dim").replace("n_head", "n_heads")
                       .replace("n_layer", "n_layers")), SMALL),
    "a dataclass that is passed on": (
        "\n@dataclass\nclass Cfg:\n    d_vocab: int = 53\n    n_ctx: int = 20\n    d_model: int = 36\n"
        "    n_heads: int = 3\n    n_layers: int = 1\n\n\ndef sizes(c):\n"
        "    return c.d_vocab, c.n_ctx, c.d_model, c.n_heads, c.n_layers\n"
        + CLASS.format(arguments="cfg", sizes="*sizes(cfg)"), OWN),
    "attributes of a class": (
        "\nclass Config:\n    vocab_size = 53\n    block_size = 20\n    n_embd = 36\n    n_head = 3\n    n_layer = 1\n"
        + CLASS.format(arguments="config",
                       sizes=READ), OWN),
    "a class of any keywords": (
        "\nclass GPTConfig:\n    def __init__(self, vocab_size, block_size, **kwargs):\n"
        "        self.vocab_size, self.block_size = vocab_size, block_size\n        self.__dict__.update(kwargs)\n"
        + CLASS.format(arguments="config",
                       sizes=READ), SMALL),
    "an object that nothing makes": (CLASS.format(
        arguments="args", sizes="args.vocab_size, args.block_size, args.n_embd, args.n_head, args.n_layer"), SMALL),
    "a dictionary of other keys": (CLASS.format(
        arguments="config",
        sizes="*(config[key] for key in ('n_vocab', 'n_ctx')), config['d_model'], config['n_head'], config['n_layer']",
    ), SMALL),
    "a dictionary of the file": (
        "\nCONFIG = dict(vocab_size=53, block_size=20, n_embd=36, n_head=3, n_layer=1, extra=7)\n"
        + CLASS.format(arguments="config", sizes='config["vocab_size"], config["block_size"], config["n_embd"], '
                                                 'config["n_head"], config["n_layer"] * config["extra"] // 7'), OWN),
    "settings in settings": (CLASS.format(
        arguments="cfg", sizes="cfg.model.vocab_size, cfg.model.block_size, cfg.model.n_embd, cfg.model.n_head, "
                               "cfg.model.n_layer"), SMALL),
    "starred": ("\nclass GPT(Body):\n    def __init__(self, **config):\n        super().__init__(config['vocab_size'], "
                "config['block_size'], config['n_embd'], config['n_head'], config['n_layer'])\n", SMALL),
}  # fmt: skip
SIZES = ("vocab_size", "context_length", "emb_dim", "n_heads", "n_layers")


@pytest.mark.parametrize("case", CONSTRUCTORS)
def test_a_class_is_built_whatever_its_constructor_takes(cli: Cli, tmp_path: Path, case: str) -> None:
    own, sizes = CONSTRUCTORS[case]
    outcome = cli("check", write(tmp_path, own), "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert tuple(outcome.json["config"][key] for key in SIZES) == sizes
    built = [each["message"] for each in outcome.json["findings"] if each["kind"] == "built"]
    assert len(built) == 1


NAMED = ["--set", "vocab_size=61", "--set", "context_length=16", "--set", "emb_dim=24", "--set", "n_heads=2",
         "--set", "n_layers=3"]  # fmt: skip


@pytest.mark.parametrize("way", ["named", "set"])
@pytest.mark.parametrize("case", [case for case in CONSTRUCTORS if case != "nothing"])
def test_what_is_said_stands_above_its_own_defaults(cli: Cli, tmp_path: Path, case: str, way: str) -> None:
    named = ["-c", "tiny", "--set", "qkv_bias=true", "--set", "activation=gelu"] if way == "named" else []
    outcome = cli("check", write(tmp_path, CONSTRUCTORS[case][0]), *named, *NAMED, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert tuple(outcome.json["config"][key] for key in SIZES) == (61, 16, 24, 2, 3)


def test_the_config_class_of_another_file(cli: Cli, tmp_path: Path) -> None:
    own, _ = CONSTRUCTORS["a dataclass"]
    config, _, network = own.partition("\nclass GPT(")
    (tmp_path / "config.py").write_text(f"from dataclasses import dataclass\n{config}")
    outcome = cli("check", write(tmp_path, f"\nclass GPT({network}"), "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.json["config"]["vocab_size"] == 53


@pytest.mark.parametrize("pairs", [
    [('nn.Dropout(cfg["drop_rate"])', 'nn.Dropout(cfg["drop_rate_attn"])')],
    [('cfg["emb_dim"]', 'cfg["n_embd"]')],
    [('cfg["context_length"]', 'cfg["max_len"]'), ("import math\n", "import math\nCFG = {'unused': 1}\n")],
])  # fmt: skip
def test_keys_of_their_own_beside_the_lectures(cli: Cli, tmp_path: Path, pairs: list[tuple[str, str]]) -> None:
    source = LECTURE
    for old, new in pairs:
        assert old in source, old
        source = source.replace(old, new)
    (tmp_path / "my_gpt.py").write_text(source)
    outcome = cli("check", f"{tmp_path}/my_gpt.py:GPTModel", "-c", "tiny", "--json")
    assert (outcome.code, outcome.err) == (0, "")


def test_what_nobody_knows_is_named(cli: Cli, tmp_path: Path) -> None:
    own = CLASS.format(arguments="vocab_size, block_size, n_embd, n_head, n_layer, gamma_zeta",
                       sizes="vocab_size, block_size, n_embd, n_head, n_layer")  # fmt: skip
    outcome = cli("check", write(tmp_path, own))
    assert (outcome.code, outcome.out) == (2, "")
    assert "takes 'gamma_zeta', which is none of the sizes that are known here" in outcome.err
    assert "write a function without arguments that returns the model" in outcome.err


def forward(arguments: str, *lines: str) -> str:
    """A network without arguments whose forward is that."""
    body = "".join(f"        {line}\n" for line in lines)
    return (
        "\nclass GPT(Body):\n    def __init__(self):\n        super().__init__(53, 20, 36, 3, 1)\n\n"
        f"    def forward(self, {arguments}):\n{body}"
    )


LOSS = "F.cross_entropy(logits.flatten(0, 1), targets.flatten())"
FORWARDS = {
    "targets": forward("idx, targets", "logits = self.logits(idx)", f"return logits, {LOSS}"),
    "loss first": forward("idx, labels", "targets, logits = labels, self.logits(idx)", f"return {LOSS}, logits"),
    "loss zero": forward("idx, targets=None", "return torch.tensor(0.0), self.logits(idx)"),
    "loss of one number": forward("idx, targets=None", "return torch.zeros(1), self.logits(idx)"),
    "flat logits": forward("idx, targets", "logits = self.logits(idx)", f"return logits.flatten(0, 1), {LOSS}"),
    "hidden states first": forward("idx", "return self.transformer['wte'](idx), self.logits(idx)"),
    "weights beside it": forward("idx", "return torch.ones(2, 3, 8, 8), self.logits(idx)"),
    "dictionary": forward("idx, y", "return {'loss': torch.ones(()), 'out': self.logits(idx)}"),
    "dataclass": "\n@dataclass\nclass Output:\n    loss: object\n    prediction: object\n"
    + forward("idx", "return Output(torch.ones(()), self.logits(idx))"),
    "object with logits": "\n@dataclass\nclass Output:\n    loss: object\n    logits: object\n"
    + forward("idx", "return Output(None, self.logits(idx))"),
    "nested": forward("idx", "return (torch.ones(()), [self.logits(idx), None])"),
    "int32": forward("idx", "assert idx.dtype == torch.int32", "return self.logits(idx)"),
    "int32 and targets": forward("idx, targets", "assert idx.dtype == torch.int32", "logits = self.logits(idx)",
                                 f"return logits, {LOSS}"),
    "positions": forward("idx, position_ids", "assert position_ids[3] == 3", "return self.logits(idx)"),
    "start and cache": forward("tokens, start_pos, cache", "assert start_pos == 0 and cache is None",
                               "return self.logits(tokens)"),
    "switch": forward("idx, *, use_cache", "return self.logits(idx)"),
    "mask unused": forward("x, mask", "return self.logits(x)"),
}  # fmt: skip


@pytest.mark.parametrize("case", FORWARDS)
def test_a_forward_is_called_and_its_logits_are_found(cli: Cli, tmp_path: Path, case: str) -> None:
    outcome = cli("check", write(tmp_path, FORWARDS[case]), "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.json["steps"][-1]["path"] == "logits"


MASKS = {
    "where it may look": "scores.masked_fill(mask == 0, float('-inf'))",
    "a large number": "scores.masked_fill(mask == 0, -1e9)",
    "where it may not look": "scores.masked_fill(mask, float('-inf'))",
    "added": "scores + mask",
    "for each head": "scores.masked_fill(mask[:, :, :t, :t] == 0, float('-inf'))",
}


@pytest.mark.parametrize("case", MASKS)
def test_a_mask_is_given_in_their_sense(cli: Cli, tmp_path: Path, case: str) -> None:
    outcome = cli("check", write(tmp_path, forward("x, mask", "return self.logits(x, mask)"), MASKS[case]), "--json")
    assert (outcome.code, outcome.err) == (0, "")
    called = [each["message"] for each in outcome.json["findings"] if each["kind"] == "called"]
    assert called[0].startswith("its forward is called with mask = a causal mask, ")


def test_a_mask_that_is_not_applied_is_still_a_mistake(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("check", write(tmp_path, forward("x, mask", "return self.logits(x, mask)"), "scores"), "--json")
    assert outcome.json["first_divergence"]["mistakes"] == ["no-mask"]
    assert outcome.json["looks_ahead"] is True


def test_an_argument_of_forward_that_nobody_knows(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("check", write(tmp_path, forward("x, memory_bank", "return self.logits(x)")))
    assert (outcome.code, outcome.out) == (2, "")
    assert "its forward needs memory_bank beside the ids; give that a default, or name a function" in outcome.err


@pytest.mark.parametrize("line", [
    "torch.frombuffer(bytearray(8), dtype=torch.float32) @ self.lm_head.weight[0, :2]",  # expected scalar type
    "assert self.lm_head.weight.dtype == torch.float32, 'not for doubles'",
    "if self.lm_head.weight.dtype == torch.float64: raise ValueError('no')",
])  # fmt: skip
def test_single_precision_after_any_failure_in_double(cli: Cli, tmp_path: Path, line: str) -> None:
    outcome = cli("check", write(tmp_path, forward("idx", line, "return self.logits(idx)")), "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.json["dtype"] == "fp32"


def test_a_failure_in_both_is_told_once(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("check", write(tmp_path, forward("idx", "raise ValueError(str(self.lm_head.weight.dtype)[-2:])")))
    assert (outcome.code, outcome.out) == (2, "")
    assert "ValueError: 64 (while it ran" in outcome.err
