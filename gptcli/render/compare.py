"""``gptcli compare`` as text."""

from collections.abc import Callable
from functools import partial
from typing import Any

from rich.console import Group
from rich.text import Text

from gptcli.architecture.parts.part import part_kind
from gptcli.render.console import ACCENT, QUIET, TITLE, plain_table
from gptcli.render.table import Narrowing, PlainTable
from gptcli.render.units import count, scaled, short_count
from gptcli.reports.compare import ComparedModel, CompareReport

_FLOPS = ((10**24, "Y"), (10**21, "Z"), (10**18, "E"), (10**15, "P"), (10**12, "T"), (10**9, "G"), (10**6, "M"))
_MARK = "*"
_GAPS = (2, 1)  # columns between models, as there is room; with less than that they come in groups


def _flops(number: int) -> str:
    for scale, letter in _FLOPS:
        if number >= scale:
            return f"{number / scale:.2f} {letter}FLOP"
    return f"{number} FLOP"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _if_any(number: int | None) -> str:
    return count(number) if number else "none"


def _peak(number: int | None) -> str:
    return "not known" if number is None else scaled(number)


_Row = tuple[str, str, Callable[[Any], str]]
_SIZES: list[_Row] = [
    ("Layers", "n_layers", count),
    ("Width", "emb_dim", count),
    ("Heads", "n_heads", count),
    ("Context length", "context_length", count),
    ("Vocabulary", "vocab_size", count),
    ("Dropout", "drop_rate", str),
    ("QKV bias", "qkv_bias", _yes),
    ("Tied head", "weight_tying", _yes),
]
# Said only where models differ in it.
_ACTIVATIONS = {"gelu_tanh": "GELU, tanh form", "gelu": "GELU, exact"}
_RARE: list[_Row] = [
    ("KV heads", "n_kv_groups", lambda groups: "each its own" if groups is None else count(groups)),
    ("Latent", "kv_lora_rank", _if_any),
    ("Positions", "positions", str),
    ("Window", "sliding_window", _if_any),
    ("Norm", "norm", lambda kind: part_kind(kind).called),
    ("Activation", "activation", lambda name: _ACTIVATIONS.get(name) or part_kind(name).called),
    ("Gated", "gated", _yes),
    ("Experts", "num_experts", _if_any),
    ("  a token visits", "num_experts_per_tok", _if_any),
    ("Other biases", "bias", _yes),
]
_FIGURES: list[_Row] = [
    ("Parameters", "parameters", short_count),
    ("  untied", "parameters_untied", short_count),
    ("  tied", "parameters_tied", short_count),
    ("  a token uses", "active_parameters", short_count),
    ("Weights", "weights_bytes", scaled),
    ("Peak of a forward pass", "inference_peak_bytes", _peak),
    ("Peak of a training step", "training_peak_bytes", _peak),
    ("KV cache", "kv_cache_bytes", scaled),
    ("Forward", "forward_flops", _flops),
    ("Training step", "training_flops", _flops),
    ("Training, a token", "flops_per_token", _flops),
]


def compare_text(report: CompareReport) -> Group:
    """One column a model; a row whose values are not all alike is marked."""
    length = "each model's context length" if report.seq_len is None else f"{count(report.seq_len)} tokens"
    note = f"{_MARK} differs.  {report.batch_size} x {length}, {_run(report)}. Exact figures: --json."
    return Group(Narrowing(partial(_table, report, gap) for gap in _GAPS), "", Text(note, style=QUIET))


def _table(report: CompareReport, gap: int) -> PlainTable:
    table = plain_table(too_narrow="in groups")
    table.padding = (0, gap, 0, 0)
    table.add_column("", no_wrap=True)
    for model in report.models:
        table.add_column(Text(model.name, style=TITLE), justify="right")
    rare = [row for row in _RARE if row[1] in report.differing]
    figures = [row for row in _FIGURES if row[1] != "active_parameters" or _chooses(report)]
    for rows, pick in ((_SIZES + rare, _of_config), (figures, _of_model)):
        for label, key, words in rows:
            differs = key in report.differing
            marked = Text.assemble((f"{_MARK} " if differs else "  ", ACCENT), label)
            cells = [Text(words(pick(model, key)), style="" if differs else QUIET) for model in report.models]
            table.add_row(marked, *cells)
        table.add_section()
    return table


def _chooses(report: CompareReport) -> bool:
    """Return whether a token uses some of the parameters of a model alone."""
    return any(model.active_parameters != model.parameters for model in report.models)


def _run(report: CompareReport) -> str:
    """Say what is estimated, the ordinary left out: a step in one dtype on the CPU that keeps what it needs."""
    facts = ["autocast to bf16" if report.amp else report.dtype]
    facts += ["explicit attention"] if report.attention == "explicit" else []
    facts += [report.optimizer] if report.optimizer != "adamw" else []
    facts += ["blocks recomputed"] if report.recompute == "block" else []
    facts += ["on cuda"] if report.device == "cuda" else []
    return ", ".join(facts)


def _of_config(model: ComparedModel, key: str) -> Any:
    return getattr(model.config, key)


def _of_model(model: ComparedModel, key: str) -> Any:
    return getattr(model, key)
