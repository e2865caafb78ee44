"""The page as a whole: what is in it, in which order, and the policy that lets it load nothing."""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256
from importlib import resources
from typing import NamedTuple

import msgspec

from gptcli.config.printable import printable
from gptcli.render.flow_tree import Branch, flow_tree
from gptcli.render.folds import Fold
from gptcli.render.ledger import largest_and_rest
from gptcli.render.model_line import attention_words
from gptcli.render.page.attention import attention_section, maps_of
from gptcli.render.page.charts import Slice, cards, stacked
from gptcli.render.page.facts import facts_of, kinds_of, shape
from gptcli.render.page.maps import explorer, grid_rules, legend
from gptcli.render.page.markup import Html, tag
from gptcli.render.page.run import lens, losses, predictions, time_chart
from gptcli.render.page.tables import steps_table, symbols_list
from gptcli.render.page.words import FAMILIES, kind_of
from gptcli.render.tokens import visible_token
from gptcli.render.units import binary, count, decimal, short_count, short_flops, short_seconds
from gptcli.reports.flow import FlowReport
from gptcli.reports.memory import LedgerLine, MemoryReport
from gptcli.reports.tokens import Token
from gptcli.reports.trace import TraceReport

_MAX_CHIPS = 400


class Studies(NamedTuple):
    """What the page shows beside the steps: what is alive at the peak of a pass, and of a training step."""

    inference: MemoryReport
    training: MemoryReport


def draw(report: FlowReport | TraceReport, studies: Studies) -> str:
    """Return the page, complete in itself: it loads nothing and works without its script, as tables.

    Args:
        report: the steps, of a run with what they did to the numbers.
        studies: memory.
    """
    assert report.config is not None
    style = _resource("page.css") + grid_rules(report)
    script = _resource("page.js")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{report.config.name}: from token ids to logits"),
        tag("style", Html(style)),
    )
    body = tag(
        "body",
        tag("a", "Skip to the map", href="#map-of-steps", class_="skip"),
        tag("header", *_header(report, studies)),
        tag("main", *_sections(report, studies)),
        tag("footer", tag("p", "Made by gptcli. Every number on this page is counted from the model's description",
                          " or measured in the run." if isinstance(report, TraceReport) else ".")),
        _data(report),
        tag("script", Html(script)),
    )  # fmt: skip
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _resource(name: str) -> str:
    return resources.files("gptcli.render.page").joinpath(name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Allow this style and this script by their hashes and nothing else, so that nothing can be loaded or sent."""
    own = {kind: b64encode(sha256(text.encode()).digest()).decode() for kind, text in
           {"style": style, "script": script}.items()}  # fmt: skip
    sources = "; ".join(f"{kind}-src 'sha256-{digest}'" for kind, digest in own.items())
    return f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'"


def _data(report: FlowReport | TraceReport) -> Html:
    """Return what the script reads, in which no character can end the element that it stands in."""
    document = {"facts": facts_of(report), "maps": maps_of(report) if isinstance(report, TraceReport) else []}
    text = msgspec.json.encode(document).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return tag("script", Html(text), type="application/json", id="data")


def _header(report: FlowReport | TraceReport, studies: Studies) -> Iterator[Html]:
    assert report.config is not None
    yield tag("p", "The way from token ids to logits", class_="kicker")
    yield tag("h1", report.config.name)
    yield tag("p", _model_words(report), class_="lead")
    yield cards(_figures(report, studies))
    if isinstance(report, TraceReport):
        yield tag("p", *_run_words(report), class_="run")
    if report.text_tokens:
        yield tag("section", tag("h2", "The text in tokens", id="tokens"), *map(_chips, report.text_tokens),
                  aria_labelledby="tokens")  # fmt: skip


def _model_words(report: FlowReport | TraceReport) -> str:
    config = report.config
    assert config is not None
    blocks = "one transformer block" if config.n_layers == 1 else f"{count(config.n_layers)} transformer blocks"
    texts = "one text" if report.batch_size == 1 else f"{count(report.batch_size)} texts"
    tokens = "one token" if report.seq_len == 1 else f"{count(report.seq_len)} tokens"
    return (
        f"A network of {blocks} with {count(config.n_heads)} attention heads, {count(config.emb_dim)} numbers wide, as "
        f"{texts} of {tokens} {'went' if isinstance(report, TraceReport) else 'would go'} through it."
    )


def _step_figure(training: MemoryReport) -> list[tuple[str, str, str]]:
    peak = training.peak_bytes
    return [] if peak is None else [("Training step", binary(peak), _step_words(training))]


def _figures(report: FlowReport | TraceReport, studies: Studies) -> list[tuple[str, str, str]]:
    found = [
        ("Parameters", short_count(report.parameters), count(report.parameters)),
        ("Weights", binary(studies.inference.weights_bytes), f"in {report.dtype}"),
        ("Forward pass", short_flops(report.forward_flops), "matrix products"),
        *_step_figure(studies.training),
    ]
    if isinstance(report, TraceReport):
        found.append(("Time", short_seconds(report.steps_seconds), f"all steps, on {report.device}"))
    return found


def _step_words(training: MemoryReport) -> str:
    return f"at its peak, {training.optimizer}, {attention_words(training.attention)}"


def _run_words(report: TraceReport) -> Iterator[str | Html]:
    if report.weights is None:
        yield f"Random weights, seed {report.seed}: until a model is trained, every number is chance. "
    else:
        yield "Weights of "
        yield tag("code", printable(report.weights.path))
        yield ". "
    if report.pad_id is not None:
        yield "The figures include the padding. "
    bad = next((step for step in report.steps if step.path == report.first_not_finite), None)
    if bad is None:
        yield "No NaN and no infinity anywhere."
    else:
        yield tag("strong", f"{bad.not_finite} appears first in {bad.label} (", tag("code", bad.path), ").")


def _chips(tokens: Sequence[Token]) -> Html:
    chips = [
        tag(
            "li",
            tag("span", visible_token(token), class_=f"chip t{place % 4}"),
            tag("span", str(token.id), class_="id"),
        )
        for place, token in enumerate(tokens[:_MAX_CHIPS])
    ]
    if len(tokens) > _MAX_CHIPS:
        chips.append(tag("li", f"and {count(len(tokens) - _MAX_CHIPS)} more", class_="quiet"))
    return tag("ol", *chips, class_="chips", role="list", aria_label="Tokens and their ids")


def _sections(report: FlowReport | TraceReport, studies: Studies) -> Iterator[Html]:
    lead = (
        "Every box is a step with the shape of what comes out of it. Shortcuts leave the main line and rejoin it at a "
        "sum. Choose a box for its formula and figures; zoom into the block, then into attention."
    )
    yield tag(
        "section",
        tag("h2", "The map", id="map-of-steps", tabindex=-1),
        tag("p", lead, class_="lead"),
        legend({family: words for family, words in FAMILIES.items() if _occurs(family, report)}),
        explorer(report),
        tag("p", "Inside the map, the keys 1, 2 and 3 zoom, the arrows go from box to box, and Escape zooms out.",
            class_="quiet needs-script hint"),
        aria_labelledby="map-of-steps",
    )  # fmt: skip
    if isinstance(report, TraceReport):
        yield from filter(None, [attention_section(report)])
        yield tag("div", predictions(report), lens(report), class_="pair")
        yield from filter(None, [losses(report)])
    charts = tag("div", *_charts(report, studies), class_="charts")
    yield tag("section", tag("h2", "Where it all goes", id="charts"), charts, aria_labelledby="charts")
    yield tag("section", tag("h2", "The letters", id="letters"), symbols_list(report), aria_labelledby="letters")
    yield tag("section", tag("h2", "Every step", id="steps"), steps_table(report), aria_labelledby="steps")


def _occurs(family: str, report: FlowReport | TraceReport) -> bool:
    return any(kind_of(step.operation).family == family for step in report.steps)


def _charts(report: FlowReport | TraceReport, studies: Studies) -> Iterator[Html]:
    nodes = list(_by_part(report))
    tied = next((step for step in report.steps if step.tied_to), None)
    note = f"The {tied.label.lower()} owns none: it is {tied.tied_to}, counted once." if tied else ""
    parameters = [Slice(words, number, count(number), colour) for words, colour, number, _ in nodes if number]
    yield stacked("Parameters", parameters, count(report.parameters), note=note)
    flops = [Slice(words, number, short_flops(number), colour) for words, colour, _, number in nodes if number]
    yield stacked("FLOPs of the pass", flops, short_flops(report.forward_flops),
                  note="Of the matrix products; a multiply-add is two.")  # fmt: skip
    yield _memory("Memory of the pass at its peak", studies.inference)
    yield _memory("Memory of a training step at its peak", studies.training)
    if isinstance(report, TraceReport):
        yield time_chart(report)


def _by_part(report: FlowReport | TraceReport) -> Iterator[tuple[str, str, int, int]]:
    """Yield words, colour, parameters and FLOPs of each part of the network, and of those of all blocks together."""
    parts = flow_tree(report)
    blocks = _by_block_part(parts, report)
    for node in parts:
        if node.fold is None:
            yield node.label, kind_of(node.step.operation).family, node.parameters, node.flops
        else:
            yield from blocks
            blocks = []


def _by_block_part(parts: Sequence[Branch], report: FlowReport | TraceReport) -> list[tuple[str, str, int, int]]:
    """Return the same of the parts of blocks: those that are equal in all kinds of block together."""
    amounts = {path: sum(times for _, times in runs) for path, runs in kinds_of(report).items()}
    equal: dict[tuple[str, str, str, int, int], list[Fold]] = {}
    for fold, part in ((node.fold, part) for node in parts if node.fold is not None for part in node.parts):
        name = part.path.rpartition(".")[2]
        key = (name, part.label, kind_of(part.step.operation).family, part.parameters, part.flops)
        equal.setdefault(key, []).append(fold)
    names = Counter(name for name, *_ in equal)
    found = []
    for (name, label, colour, parameters, flops), folds in equal.items():
        times = sum(amounts[fold.kind] for fold in folds)
        words = f"{count(times)} \u00d7 {label}" if times > 1 else label
        words += f", as in {count(folds[0].first)}" if names[name] > 1 else ""
        found.append((words, colour, parameters * times, flops * times))
    return found


def _memory(title: str, report: MemoryReport) -> Html:
    assert report.peak_bytes is not None  # a page is made where it is known
    shown, rest = largest_and_rest(report.ledger, report.peak_bytes)
    if rest:
        shown.append(LedgerLine(f"{len(rest)} smaller", sum(line.tensors for line in rest),
                                sum(line.bytes for line in rest)))  # fmt: skip
    slices = [Slice(line.label, line.bytes, binary(line.bytes)) for line in shown]
    how = f"In its {report.peak_phase} phase; {report.activation_dtype}, "
    how += f"{shape((report.batch_size, report.seq_len))} tokens, {attention_words(report.attention)}"
    how += f", {report.optimizer} ({report.optimizer_impl})." if report.optimizer else "."
    return stacked(title, slices, binary(report.peak_bytes), "Alive", note=how, also=f"({decimal(report.peak_bytes)})")
