"""Parameters, and what was asked about them beyond the count."""

from msgspec.structs import replace

from gptcli.analysis.params import params_report
from gptcli.api.quantities import Rounded
from gptcli.architecture import Network
from gptcli.reports.params import ParamsReport


def counted(
    network: Network,
    *,
    list_weights: bool = False,
    conventions: bool = False,
    why: Rounded | None = None,
    explain: bool = False,
) -> ParamsReport:
    """Count parameters; only the answers that are requested are computed, and their modules imported.

    Args:
        network: the described model.
        list_weights: list every tensor of every block.
        conventions: list every way of counting in use.
        why: a number whose origin is looked for.
        explain: put each figure into a formula.

    Raises:
        InputError: the list of weights would be too long.
    """
    report = params_report(network, list_weights=list_weights)
    if conventions:
        from gptcli.analysis.conventions import convention_rows

        report = replace(report, conventions=convention_rows(network))
    if why is not None:
        from gptcli.analysis.why import why_rows

        report = replace(report, why=why_rows(network, why.value, why.step))
    if explain:
        from gptcli.analysis.explain import explain_params

        report = replace(report, explanations=explain_params(network))
    return report
