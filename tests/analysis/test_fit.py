"""The search for the largest value, held against sweeps of the values around it."""

import pytest
from msgspec.structs import replace

from gptcli.analysis.fit import FitRequest, NothingFitsError, fit_report
from gptcli.analysis.forward_need import forward_need_bytes
from gptcli.analysis.passes import swept
from gptcli.analysis.process import default_headroom, process_bytes
from gptcli.analysis.workload import Workload
from gptcli.architecture import describe
from gptcli.config import ModelConfig
from gptcli.errors import InputError
from gptcli.reports.fit import FitReport

_SMALL = ModelConfig(name="small", vocab_size=97, context_length=32, emb_dim=24, n_heads=3, n_layers=2, drop_rate=0.1)
_RUN = Workload(tokens=16, mode="training")


def _at(variable: str, value: int, *, heads: int | None = None) -> int:
    """Return the peak of a sweep at one value."""
    config, run = _SMALL, _RUN
    if variable == "batch":
        run = replace(run, batch=value)
    elif variable == "seq":
        config, run = replace(config, context_length=value), replace(run, tokens=value)
    elif variable == "layers":
        config = replace(config, n_layers=value)
    else:
        config = replace(config, emb_dim=value, n_heads=heads or value // 8)
    return swept(describe(config), run).peak


def _fit(variable: str, budget: int, **more: object) -> FitReport:
    return fit_report(describe(_SMALL), _RUN, FitRequest(variable=variable, budget=budget, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("variable", "step", "multiple_of"),
    [("batch", 1, None), ("batch", 3, 3), ("seq", 1, None), ("seq", 16, 16), ("layers", 1, None), ("width", 64, None)],
)
@pytest.mark.parametrize("times", [1, 2, 3, 7])
def test_a_budget_of_just_a_peak_is_answered_with_its_value(
    variable: str, step: int, multiple_of: int | None, times: int
) -> None:
    value = step * times
    peak = _at(variable, value)
    report = _fit(variable, peak + 50, headroom=50, multiple_of=multiple_of)
    assert (report.answer, report.peak_bytes) == (value, peak)
    assert (report.step, report.multiple_of) == (step, multiple_of or step)
    assert (report.next_value, report.next_peak_bytes) == (value + step, _at(variable, value + step))
    assert (report.budget_bytes, report.headroom_bytes, report.capped) == (peak + 50, 50, False)
    if times > 1:
        assert _fit(variable, peak + 49, headroom=50, multiple_of=multiple_of).answer == value - step


@pytest.mark.parametrize(
    ("multiple_of", "heads_fixed", "step"),
    [(None, False, 64), (1, False, 8), (12, False, 24), (None, True, 192), (1, True, 3), (4, True, 12)],
)
def test_widths_keep_the_heads_width_or_their_number(multiple_of: int | None, heads_fixed: bool, step: int) -> None:
    heads = 3 if heads_fixed else None
    report = _fit("width", _at("width", 2 * step, heads=heads), multiple_of=multiple_of, heads_fixed=heads_fixed)
    assert report.config is not None
    assert (report.answer, report.step) == (2 * step, step)
    assert (report.config.emb_dim, report.config.n_heads) == (2 * step, heads or 2 * step // 8)
    assert report.next_peak_bytes == _at("width", 3 * step, heads=heads)


@pytest.mark.parametrize(("variable", "most"), [("batch", 2**40), ("seq", 2**24), ("layers", 2**24), ("width", 2**24)])
def test_a_search_that_stops_at_its_cap_says_so(variable: str, most: int) -> None:
    report = _fit(variable, 10**30)
    assert (report.answer, report.capped) == (most, True)
    assert (report.next_value, report.next_peak_bytes) == (None, None)


@pytest.mark.parametrize(("variable", "most"), [("batch", 2**40), ("layers", 2**24)])
def test_one_before_the_cap_is_no_cap(variable: str, most: int) -> None:
    report = _fit(variable, _at(variable, most - 1))
    assert (report.answer, report.capped, report.next_value) == (most - 1, False, most)


def test_a_cap_that_is_no_multiple_is_not_passed() -> None:
    report = _fit("layers", 10**30, multiple_of=1000)
    assert (report.answer, report.capped) == (2**24 // 1000 * 1000, True)


def test_where_not_even_the_smallest_fits() -> None:
    need = _at("batch", 2)
    with pytest.raises(NothingFitsError, match=rf"nothing fits: 2 needs {need + 7:,} bytes already") as caught:
        _fit("batch", need + 6, headroom=7, multiple_of=2)
    assert (caught.value.smallest, caught.value.need_bytes) == (2, need + 7)
    assert _fit("batch", need + 7, headroom=7, multiple_of=2).answer == 2


@pytest.mark.parametrize(
    ("variable", "most", "told"),
    [
        ("batch", 2**40, "the largest value that is tried; lower it"),
        ("seq", 2**24, "the largest value that is tried; lower it"),
        ("layers", 2**24, "the largest value that is tried; lower it"),
        ("width", 2**24, "splits into heads of 8; use --multiple-of 1"),
    ],
)
def test_a_multiple_over_the_cap_is_refused(variable: str, most: int, told: str) -> None:
    assert _fit(variable, 10**30, multiple_of=most).answer == most
    with pytest.raises(InputError, match=told):
        _fit(variable, 10**30, multiple_of=2 * most)
    with pytest.raises(InputError, match="splits into 3 heads; use --multiple-of 1"):
        _fit("width", 10**30, multiple_of=2**24, heads_fixed=True)


def test_the_table_holds_peaks_at_the_answer() -> None:
    report = _fit("layers", _at("layers", 4) + 10**6, headroom=10**6)
    assert any(report.peak_bytes < cell.peak_bytes <= report.budget_bytes for cell in report.table)
    assert report.config is not None
    assert [(cell.batch_size, cell.seq_len) for cell in report.table[:6]] == [(1, t) for t in (2, 4, 8, 16, 32)] + [
        (2, 2)
    ]
    assert [cell.batch_size for cell in report.table[::5]] == [1, 2, 4, 8, 16, 32, 64]
    for cell in report.table:
        peak = swept(describe(report.config), replace(_RUN, batch=cell.batch_size, tokens=cell.seq_len)).peak
        assert (cell.peak_bytes, cell.fits) == (peak, peak <= report.peak_bytes)


def test_a_cell_that_takes_just_what_is_there_fits() -> None:
    need = swept(describe(_SMALL), replace(_RUN, batch=4, tokens=8)).peak
    for budget, fits in ((need + 9, True), (need + 8, False)):
        table = _fit("batch", budget, headroom=9).table
        assert [cell.fits for cell in table if (cell.batch_size, cell.seq_len) == (4, 8)] == [fits]


def test_what_runs_is_in_the_report() -> None:
    run = replace(_RUN, amp=True, optimizer="sgd", recompute="block", attention="explicit", device="cuda", batch=2)
    report = fit_report(describe(_SMALL), run, FitRequest(variable="layers", budget=10**9))
    assert (report.mode, report.dtype, report.amp, report.activation_dtype) == ("training", "fp32", True, "bf16")
    assert (report.optimizer, report.optimizer_impl, report.recompute) == ("sgd", "foreach", "block")
    assert (report.batch_size, report.seq_len, report.attention, report.device) == (2, 16, "explicit", "cuda")
    reading = fit_report(describe(_SMALL), replace(run, mode="inference"), FitRequest(variable="batch", budget=10**9))
    assert (reading.optimizer, reading.optimizer_impl, reading.recompute) == (None, None, None)
    assert reading.batch_size == reading.answer


def test_what_a_process_takes_besides() -> None:
    assert (default_headroom("cpu"), process_bytes("cpu")) == (512 * 2**20, 320 * 2**20)
    assert (default_headroom("cuda"), process_bytes("cuda")) == (0, None)
    one, two = (replace(_SMALL, n_layers=layers) for layers in (1, 2))
    passes = replace(_RUN, mode="inference")
    assert forward_need_bytes(describe(one), passes) - swept(describe(one), passes).peak == 320 * 2**20 + 2**16
    assert forward_need_bytes(describe(two), passes) - swept(describe(two), passes).peak == 320 * 2**20 + 2 * 2**16
