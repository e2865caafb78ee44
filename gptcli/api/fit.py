"""What fits into a budget, or a budget that would do."""

from msgspec.structs import replace

from gptcli.analysis.fit import FitRequest, NothingFitsError, fit_report, heads_that_fit, heads_words
from gptcli.analysis.workload import Workload
from gptcli.architecture import Network
from gptcli.errors import GptcliError
from gptcli.reports.fit import FitReport


def fitted(network: Network, options: Workload, request: FitRequest, unit: str) -> FitReport:
    """Find the largest value whose peak fits the budget.

    Args:
        network: the described model.
        options: everything else about the pass or step.
        request: what varies, and what there is.
        unit: in which the budget was given: ``GiB``.

    Raises:
        InputError: no value is valid.
        GptcliError: even the smallest value does not fit; with a budget that holds it.
    """
    try:
        return replace(fit_report(network, options, request), unit=unit)
    except NothingFitsError as error:
        raise _nothing_fits(error, network, options, request, unit) from None


def _nothing_fits(
    error: NothingFitsError, network: Network, options: Workload, request: FitRequest, unit: str
) -> GptcliError:
    """Say in the unit that was asked what the smallest value needs, and what to type so that something fits."""
    from gptcli.render.budget import budget_words
    from gptcli.render.fit import value_words, verb_ending
    from gptcli.render.units import enough, sized

    peak = error.need_bytes - request.headroom
    smallest = value_words(error.smallest, request.variable)
    ways_out = f"use --budget {enough(error.need_bytes, unit)} or more"
    if error.smallest != request.multiple:  # a width that is a multiple, but does not split into heads
        smallest += (
            f", the first multiple of {request.multiple:,} that splits into {heads_words(network.config, request)},"
        )
        heads = None if request.heads_fixed else heads_that_fit(network, options, request)
        ways_out += f", or --set n_heads={heads} to split any width into so many" if heads else ""
    needs = f"{smallest} need{verb_ending(error.smallest, request.variable)}"
    kept = f" and {sized(request.headroom, unit)} stay free as headroom" if request.headroom else ""
    return GptcliError(
        f"nothing fits into {budget_words(request.budget, unit)}: {needs} {sized(peak, unit)} "
        f"({peak:,} bytes) already{kept}; {ways_out}"
    )
