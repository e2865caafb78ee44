"""The figures as people read them."""

from typing import Any


def line(result: dict[str, Any]) -> str:
    """Return a pair in one line of text."""
    limit = "" if result["limit"] is None else f" (at most {result['limit']:.2f})"
    verdict = "" if result["limit"] is None else "  ok" if result["ratio"] <= result["limit"] else "  OVER"
    spread = f"{result['least']:.2f} to {result['most']:.2f}"
    return (
        f"{result['name']:<46} {_amount(result, 'ours'):>10}  {result['against']:<44} {_amount(result, 'theirs'):>10}  "
        f"ratio {result['ratio']:.2f}{limit}, {spread}{verdict}"
    )


def page(found: dict[str, Any]) -> str:
    """Return the Markdown page."""
    rows = [
        f"| {r['name']} | {_amount(r, 'ours')} | {r['against']} | {_amount(r, 'theirs')} | {_ratio(r)} "
        f"| {r['least']:.2f} to {r['most']:.2f} | {_limit(r)} |"
        for r in found["pairs"]
    ]
    machine = [f"| {name} | {value} |" for name, value in found["machine"].items()]
    limits = [f"| {name} | {value / 1e9:,.2f} x 10^9 |" for name, value in found["limits"].items()]
    return "\n".join(
        [
            "# gptcli beside its peers",
            "",
            "Printed by `make bench`. Each pair runs alternately (A B A B ...) after a warm-up; the ratio is the",
            "median of the ratios pair by pair, with the least and the most of them. In bold: over the limit.",
            "",
            "| ours | | against | | ratio | spread | at most |",
            "|---|---:|---|---:|---:|---|---:|",
            *rows,
            "",
            "## The machine",
            "",
            "| | |",
            "|---|---|",
            *machine,
            "",
            "Rates that it reaches, which nothing here can beat:",
            "",
            "| | |",
            "|---|---|",
            *limits,
            "",
            "On CUDA: not measured.",
            "",
        ]
    )


def _limit(result: dict[str, Any]) -> str:
    return "" if result["limit"] is None else f"{result['limit']:.2f}"


def _ratio(result: dict[str, Any]) -> str:
    over = result["limit"] is not None and result["ratio"] > result["limit"]
    return f"**{result['ratio']:.2f}**" if over else f"{result['ratio']:.2f}"


def _amount(result: dict[str, Any], who: str) -> str:
    value = result[who]
    if result["measure"] == "peak":
        return f"{value / 2**20:,.0f} MiB"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.1f} ms"
