"""What tracing costs: a traced pass against the same pass untraced, explicit attention: ``python -m benchmarks.trace``.

Both run alternately (A B A B ...) in one process on one network; what counts is the median of the ratios pair by pair.
The traced time holds everything that `gptcli trace` does because it traces, up to the finished figures.
"""

import argparse
import sys
from statistics import median
from time import perf_counter

import torch

from gptcli.analysis.flow import flow_report
from gptcli.architecture import describe
from gptcli.config import load_config
from gptcli.model.forward import ForwardOptions, build
from gptcli.model.gpt import GPT
from gptcli.model.tap import observed
from gptcli.model.trace import Tracer
from gptcli.reports.flow import FlowReport

LENGTHS = {4: 31, 64: 15, 256: 7, 1024: 3}  # tokens -> pairs of runs
LIMIT = 1.5


def untraced_seconds(model: GPT, ids: torch.Tensor) -> float:
    """Run a pass; return its wall-clock time."""
    started = perf_counter()
    with torch.inference_mode():
        model(ids)
    return perf_counter() - started


def traced_seconds(model: GPT, ids: torch.Tensor, flow: FlowReport) -> float:
    """Run a traced pass; return its wall-clock time, hooks and the combining of figures included."""
    started = perf_counter()
    tracer = Tracer(flow.steps)
    with torch.inference_mode(), observed(model, tracer):
        tracer.start()
        model(ids)
    tracer.traced(flow.steps)
    return perf_counter() - started


def main() -> int:
    """Print a line a length; exit 1 if a ratio is over the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="gpt2-124m")
    parser.add_argument("--tokens", type=int, action="append")
    arguments = parser.parse_args()
    config = load_config(arguments.config, environ={}).config
    model = build(describe(config), ForwardOptions(attention="explicit"))
    failed = False
    for tokens in arguments.tokens or LENGTHS:
        ids = torch.arange(tokens)[None]
        flow = flow_report(describe(config), tokens=tokens)
        untraced_seconds(model, ids)
        traced_seconds(model, ids, flow)
        pairs = [
            (untraced_seconds(model, ids), traced_seconds(model, ids, flow)) for _ in range(LENGTHS.get(tokens, 7))
        ]
        ratios = [traced / untraced for untraced, traced in pairs]
        failed |= median(ratios) > LIMIT
        name = f"{config.name}, {tokens} tokens, {1000 * median(pair[0] for pair in pairs):.0f} ms untraced"
        print(f"{name:<48} {median(ratios):.2f}  ({min(ratios):.2f} to {max(ratios):.2f}, at most {LIMIT})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
