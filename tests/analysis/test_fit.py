"""The largest value that a budget holds: exactly on the budget it fits, a byte under it does not."""

import pytest
from msgspec.structs import replace

from gptcli.analysis.fit import Variable, fit_report
from gptcli.analysis.step import StepOptions, sweep_step
from gptcli.config import ModelConfig
from gptcli.errors import GptcliError

CONFIG = ModelConfig(vocab_size=97, context_length=32, emb_dim=24, n_heads=3, n_layers=2, drop_rate=0.1)
OPTIONS = StepOptions(batch=2, tokens=16, mode="training")


def at(variable: Variable, n: int) -> tuple[ModelConfig, StepOptions]:
    """The n-th value of a variable, spelled out."""
    match variable:
        case "batch":
            return CONFIG, replace(OPTIONS, batch=n)
        case "seq":
            return replace(CONFIG, context_length=n), replace(OPTIONS, tokens=n)
        case "layers":
            return replace(CONFIG, n_layers=n), OPTIONS
        case "width":
            return replace(CONFIG, emb_dim=n), OPTIONS


@pytest.mark.parametrize(
    ("variable", "value", "before", "after"),
    [("batch", 5, 4, 6), ("batch", 8, 7, 9), ("seq", 21, 20, 22), ("layers", 7, 6, 8), ("width", 30, 27, 33)],
)
def test_what_fits_exactly_fits(variable: Variable, value: int, before: int, after: int) -> None:
    peaks = {n: sweep_step(*at(variable, n)).peak for n in (before, value, after)}
    exact = fit_report(CONFIG, OPTIONS, variable, peaks[value])
    assert (exact.answer, exact.peak_bytes) == (value, peaks[value])
    assert (exact.next_value, exact.next_peak_bytes) == (after, peaks[after])
    a_byte_less = fit_report(CONFIG, OPTIONS, variable, peaks[value] - 1)
    assert (a_byte_less.answer, a_byte_less.peak_bytes) == (before, peaks[before])
    assert (a_byte_less.next_value, a_byte_less.next_peak_bytes) == (value, peaks[value])


def test_the_smallest_value_fits_exactly_too() -> None:
    need = sweep_step(*at("batch", 1)).peak
    assert fit_report(CONFIG, OPTIONS, "batch", need).answer == 1
    with pytest.raises(GptcliError, match=rf"nothing fits: 1 needs {need:,} bytes already"):
        fit_report(CONFIG, OPTIONS, "batch", need - 1)


def test_a_cell_of_the_table_fits_exactly_too() -> None:
    need = sweep_step(CONFIG, replace(OPTIONS, batch=4, tokens=8)).peak
    for budget, fits in ((need, True), (need - 1, False)):
        table = fit_report(CONFIG, replace(OPTIONS, batch=1), "batch", budget).table
        (cell,) = [each for each in table if (each.batch_size, each.seq_len) == (4, 8)]
        assert (cell.peak_bytes, cell.fits) == (need, fits)


def test_the_table_halves_from_the_context_length_and_doubles_the_batch() -> None:
    table = fit_report(CONFIG, OPTIONS, "batch", 10**9).table
    assert [(cell.batch_size, cell.seq_len) for cell in table] == [
        (batch, tokens) for batch in (1, 2, 4, 8, 16, 32, 64) for tokens in (2, 4, 8, 16, 32)
    ]
    for cell in table:
        assert cell.peak_bytes == sweep_step(CONFIG, replace(OPTIONS, batch=cell.batch_size, tokens=cell.seq_len)).peak


def test_the_answer_stops_at_the_largest_value_there_is() -> None:
    report = fit_report(replace(CONFIG, n_heads=1, emb_dim=2), replace(OPTIONS, tokens=1), "layers", 2**62)
    assert report.answer == 2**24
    assert (report.next_value, report.next_peak_bytes) == (None, None)
