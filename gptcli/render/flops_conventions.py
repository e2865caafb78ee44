"""One training step by each convention for FLOPs: its words, who counts so, and the utilization by it."""

from rich.console import RenderableType
from rich.text import Text

from gptcli.render.console import QUIET, TITLE
from gptcli.render.layout import Hanging, indented
from gptcli.render.units import count
from gptcli.reports.flops import FlopsReport

# Name of a convention -> the words people read, and who uses it.
_WORDS = {
    "matmul_full_attention": (
        "Matrix products, full attention",
        "torch.utils.flop_counter, which counts every query with every key; Megatron-LM's model FLOPs; the training "
        "step above",
    ),
    "matmul_causal_exact": (
        "Matrix products, causal-exact",
        "what is left when a query is counted with the keys that it may see; FlashAttention's benchmarks take T^2/2 "
        "pairs for T (T + 1)/2",
    ),
    "linear_layers": (
        "Linear layers alone",
        "thop, in the lecture's notebook on performance: no product inside attention",
    ),
    "hardware_recompute": (
        "Hardware FLOPs, each block recomputed",
        "Megatron-LM (Narayanan et al. 2021), PaLM for hardware FLOPs utilization, HFU: backward runs each block "
        "forward once more",
    ),
    "palm_mfu": (
        "PaLM's (6 N + 12 L H D T) a token",
        "Chowdhery et al. 2022 for model FLOPs utilization, MFU; N counts the token table once, as the head",
    ),
    "nanogpt_mfu": (
        "nanoGPT's (6 N + 12 L H D T) a token",
        "estimate_mfu: N has no positions and no table that is only looked up; nanochat and torchtitan count untied "
        "models so",
    ),
    "chinchilla": (
        "Chinchilla's tables",
        "Hoffmann et al. 2022, appendix F: attention with its softmax and feed forward of each layer; this alone "
        "gives their table A4",
    ),
    "chinchilla_appendix_f": (
        "Chinchilla's appendix F as written",
        "the same with logits, and with embeddings as if they were a product",
    ),
    "six_n": (
        "6 N a token",
        "most estimates on paper; N is all parameters, tables that are looked up too",
    ),
    "six_n_non_embedding": (
        "6 N a token, N without embeddings",
        "N has no embedding and no output head, but biases and norms, as in tables of non-embedding parameters",
    ),
    "kaplan": (
        "6 N a token, N = 12 L C^2",
        "Kaplan et al. 2020, equation 2.1, for their scaling laws; N is the blocks' matrices",
    ),
    "macs_forward": (
        "Multiply-adds of a forward pass",
        "the unit of fvcore, ptflops and tables of vision models: a multiply-add is one, and there is no backward pass",
    ),
}


def conventions_lines(report: FlopsReport) -> list[RenderableType]:
    """Return each convention's figure, its ratio to the matrix products, its utilization if known, and who uses it."""
    width = max(len(count(number)) for number in report.conventions.values())
    title = "One training step, as others count it"
    reached = report.utilization
    lines: list[RenderableType] = [Text(title if reached is None else f"{title}, and utilization by it", style=TITLE)]
    shares = {} if reached is None else {name: f"{100 * each:.2f}%" for name, each in reached.items()}
    share_width = max(map(len, shares.values()), default=0)
    for name, number in report.conventions.items():
        words, used_by = _WORDS[name]
        figures = [f"{count(number):>{width}}", _ratio(number, report.training_flops)]
        figures += [f"{shares[name]:>{share_width}}"] if shares else []
        first = f"{'  '.join(figures)}  "
        lines.append(Hanging(first, " " * len(first), Text(words, style=TITLE)))
        lines.append(indented(Text(used_by, style=QUIET), 4))
    return lines


def _ratio(number: int, whole: int) -> str:
    return f"x {number / whole:.3f}"
