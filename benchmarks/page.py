"""The figures as people read them."""

from typing import Any

Result = dict[str, Any]


def machine_lines(machine: dict[str, str], found: dict[str, Any]) -> str:
    """Return what the figures were measured on as lines of text."""
    rows = [*machine.items(), *found["limits"].items(), ("card", found["card"] or "none; CUDA is not measured")]
    return "\n".join(f"{name:<50} {value}" for name, value in rows)


def line(result: Result) -> str:
    """Return a pair in one line of text."""
    limit = "" if result["limit"] is None else f" (at most {result['limit']:.2f})"
    verdict = "" if result["limit"] is None else "  OVER" if is_over(result) else "  ok"
    return (
        f"{result['name']:<46} {_amount(result, 'ours'):>10}  {result['against']:<48} {_amount(result, 'theirs'):>10}  "
        f"ratio {result['ratio']:.2f}{limit}, {_spread(result)}{verdict}"
    )


def is_over(result: Result) -> bool:
    """Return whether a pair does not hold its limit."""
    return result["limit"] is not None and bool(result["ratio"] > result["limit"])


def page(found: dict[str, Any]) -> str:
    """Return the Markdown page."""
    peers = [result for result in found["pairs"] if not result["option"]]
    options = [result for result in found["pairs"] if result["option"]]
    over = [result for result in peers if is_over(result)]
    verdict = "Every limit holds." if not over else f"In bold: over the limit, {len(over)} of {len(peers)}."
    return "\n".join(
        [
            "# gptcli beside its peers",
            "",
            "Printed by `make bench`. Each pair runs alternately (A B A B ...) after a warm-up; the ratio is the",
            f"median of the ratios pair by pair, with the least and the most of them. {verdict}",
            "Peaks are those of the whole process, ours and theirs.",
            "",
            *_table(
                ["ours", "", "against", "", "ratio", "spread", "at most", "peaks, MiB"],
                "lrlrrllr",
                [[*_compared(r), _ratio(r), _spread(r), _limit(r), _peaks(r)] for r in peers],
            ),
            "",
            "## What options are worth",
            "",
            "Below 1 it helps. `--dtype bf16` and `--threads` are options; products in pieces are how the program",
            "multiplies without being asked. `torch.compile` is no option: the first pass holds what compiling takes,",
            "and no text is long enough to earn it back.",
            "",
            *_table(
                ["with", "", "against", "", "ratio", "spread", "first pass"],
                "lrlrrlr",
                [[*_compared(r), _ratio(r), _spread(r), _first(r)] for r in options],
            ),
            "",
            "## The machine",
            "",
            *_table(["", ""], "ll", [list(row) for row in found["machine"].items()]),
            "",
            "What it reaches, which nothing here can beat:",
            "",
            *_table(["", ""], "lr", [list(row) for row in found["limits"].items()]),
            "",
            f"On CUDA: {found['card'] or 'not measured'}.",
            "",
        ]
    )


def _table(heads: list[str], sides: str, rows: list[list[str]]) -> list[str]:
    """Return a table, each column aligned to the side that its letter says."""
    rules = ["---:" if side == "r" else "---" for side in sides]
    return [f"| {' | '.join(cells)} |" for cells in (heads, rules, *rows)]


def _compared(result: Result) -> list[str]:
    return [result["name"], _amount(result, "ours"), result["against"], _amount(result, "theirs")]


def _spread(result: Result) -> str:
    return f"{result['least']:.2f} to {result['most']:.2f}"


def _limit(result: Result) -> str:
    return "" if result["limit"] is None else f"{result['limit']:.2f}"


def _ratio(result: Result) -> str:
    return f"**{result['ratio']:.2f}**" if is_over(result) else f"{result['ratio']:.2f}"


def _peaks(result: Result) -> str:
    if "our_peak_bytes" not in result:
        return ""
    return f"{result['our_peak_bytes'] / 2**20:,.0f}, {result['their_peak_bytes'] / 2**20:,.0f}"


def _first(result: Result) -> str:
    return _seconds(result["our_first"]) if "our_first" in result else ""


def _amount(result: Result, who: str) -> str:
    value = result[who]
    return f"{value / 2**20:,.0f} MiB" if result["measure"] == "peak" else _seconds(value)


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.1f} ms"
