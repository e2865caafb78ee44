"""``gptcli verify`` as text."""

from collections.abc import Mapping
from functools import partial
from shlex import quote

from rich.console import Group
from rich.text import Text

from gptcli.config.printable import printable
from gptcli.render.console import QUIET, TOTAL, plain_table
from gptcli.render.model_line import ROUTING, model_line
from gptcli.render.table import Narrowing, PlainTable
from gptcli.render.units import binary, count, seconds
from gptcli.reports.verify import OptionValue, VerifyReport, WitnessUsed

_BAD = "bold red"
_GAPS = (1, 0)  # columns between figures besides one, as there is room


def verify_text(report: VerifyReport) -> Group:
    """One line a figure: estimate, measurement, error, verdict."""
    assert report.config is not None
    off = [check.name for check in report.checks if not check.ok]
    verdict_line = (
        Text(f"All {len(report.checks)} figures hold.", style=TOTAL)
        if report.ok
        else Text(f"Off: {', '.join(off)}.", style=_BAD)
    )
    table = Narrowing(partial(_table, report, gap) for gap in _GAPS)
    return Group(model_line(report.config), "", table, "", verdict_line, Text(_how(report), style=QUIET))


def _table(report: VerifyReport, gap: int) -> PlainTable:
    table = plain_table(too_narrow="names above")
    table.padding = (0, gap, 0, 0)
    table.add_column("Figure", no_wrap=True)
    for heading in ("Estimated", "Measured"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("Error", "Limit"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for check in report.checks:
        verdict = Text("ok", style=TOTAL) if check.ok else Text("OFF", style=_BAD)
        error = "0" if check.error == 0 else f"{check.error:+.3%}"
        allowed = "0" if check.tolerance == 0 else f"{check.tolerance:.1%}"
        table.add_row(check.name, count(check.estimated), count(check.measured), error, allowed, verdict)
    return table


def _how(report: VerifyReport) -> str:
    where = f"{report.device} ({report.device_name})" if report.device_name else report.device
    tensors = "on fake tensors" if report.quick else f"on {where}"
    size = f"{report.batch_size} x {report.seq_len} tokens, {report.dtype}"
    lines = [f"Measured {tensors} in {seconds(report.seconds)}: {size}."]
    lines.append("FLOPs by torch's own counter, on the explicit attention path.")
    lines.append(_INSTRUMENTS[report.instrument])
    lines += [ROUTING] if report.routing else []
    scratch = max(check.scratch_bytes for check in report.checks)
    if scratch:
        lines.append(f"Kernels' own scratch, {binary(scratch)} at the most, is in no figure.")
    if report.workspace_bytes:
        lines.append(f"Taken off the peaks: {binary(report.workspace_bytes)} that libraries keep on the card.")
    return "\n".join([*lines, _witness(report.witness), _options(report.options)])


_INSTRUMENTS = {
    "profiler": "Peaks by torch's profiler, which records every allocation.",
    "tracker": "Peaks by a tracker of storages, as fake tensors allocate nothing; tests compare it with the profiler.",
    "allocator": "Peaks by the counter of CUDA's caching allocator.",
}


def _witness(witness: WitnessUsed | None) -> str:
    if witness is None:
        return (
            "Witness: none; those of verify are GPT-2. Logits and generated tokens of every family are held to "
            "transformers' own (docs/models.md)."
        )
    cut = witness.logits_config
    batch, tokens, vocabulary = witness.logits_shape
    network = {
        "plain": f"a plain network that shares nothing with the description ({witness.source})",
        "transformers": witness.source,
    }
    return (
        f"Witness: {network[witness.name]}. Compared: the number of its parameters; name and shape "
        f"of each weight; its logits in fp64 with the same random weights, dropout off and on, at {cut.n_layers} "
        f"layers, {cut.n_heads} heads, {cut.emb_dim} wide, {batch} x {tokens} tokens of {vocabulary}."
    )


_FLAG = {"set_values": "--set"}
_NOT_TYPED = ("drop_rate", "threads", "torch")


def _options(options: Mapping[str, OptionValue]) -> str:
    """Write what it ran with as a command that can be typed again, and what no option says."""
    typed = [
        word
        for name, value in options.items()
        if name not in _NOT_TYPED and not name.endswith("_asked")
        for word in _words(name, value)
    ]
    threads = options["threads"]
    rest = f"dropout {options['drop_rate']}, {threads} thread{'' if threads == 1 else 's'}, torch {options['torch']}"
    return f"Options: {' '.join(typed)}; {rest}."


def _words(name: str, value: OptionValue) -> list[str]:
    flag = _FLAG.get(name, f"--{name.replace('_', '-')}")
    if value is None or (value is False and name != "tied"):
        return []
    if isinstance(value, bool):
        return [flag if value else "--untied"]
    values = value if isinstance(value, list) else [value]
    return [word for each in values for word in (flag, quote(printable(str(each))))]
