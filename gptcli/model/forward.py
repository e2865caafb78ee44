"""One forward pass from token ids to logits, reported."""

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import torch
from msgspec import Struct
from torch import Tensor

from gptcli.architecture import AttentionPath, Network, steps
from gptcli.checkpoints import Recognised
from gptcli.config import InitScheme
from gptcli.config.printable import printable
from gptcli.files import WriteError
from gptcli.model.gpt import GPT
from gptcli.model.initialize import initialize
from gptcli.model.loss import mean_loss, text_loss
from gptcli.model.products import choose_products
from gptcli.model.tap import Listener, observed
from gptcli.reports.forward import ForwardReport, LogitsPreview, LogitsReport, NextToken, Stage
from gptcli.reports.weights_file import WeightsFile

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}

_PREVIEW_ROWS = 8
_PREVIEW_EDGE = 3


class BuildOptions(Struct, frozen=True, kw_only=True):
    """How to build a network; the defaults are the commands'.

    Attributes:
        threads: of this process's products on the CPU; None leaves torch its own choice, one a core.
    """

    device: str = "cpu"
    dtype: str = "fp32"
    threads: int | None = None
    seed: int = 123
    init: InitScheme = "torch"
    attention: AttentionPath = "sdpa"
    dropout: bool = False


class ForwardOptions(BuildOptions, frozen=True, kw_only=True):
    """How to build and run; the defaults are the command's."""

    top: int = 5


def build(network: Network, options: BuildOptions, checkpoint: Recognised | None = None) -> GPT:
    """Build the network and draw its weights, or take a checkpoint's; in training mode where dropout is asked for."""
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    model = _loaded(checkpoint, options) if checkpoint is not None else _drawn(network, options)
    if not options.dropout:
        choose_products(model)
    return model.train(options.dropout)


def _loaded(checkpoint: Recognised, options: BuildOptions) -> GPT:
    from gptcli.model.load import load_model

    model = load_model(checkpoint, attention=options.attention, dtype=DTYPES[options.dtype], device=options.device)
    if options.dropout:
        torch.manual_seed(options.seed)
    return model


def _drawn(network: Network, options: BuildOptions) -> GPT:
    network = network.on(options.attention)
    model = GPT(network, dtype=DTYPES[options.dtype], device=options.device)
    initialize(model, options.init, options.seed, advance_for_tied_head=options.dropout)
    return model


def run_forward(
    network: Network,
    batch: Sequence[Sequence[int]],
    options: ForwardOptions,
    *,
    pad_id: int,
    token_text: Callable[[int], str | None],
    targets: Sequence[Sequence[int]] | None = None,
    save: Path | None = None,
    checkpoint: Recognised | None = None,
    watch: Callable[[GPT, Tensor], Listener] | None = None,
) -> ForwardReport:
    """Build, run and report.

    Args:
        network: the described model.
        batch: token ids per text, none empty, none longer than the context.
        options: device, dtype, seed and the rest.
        pad_id: fills the shorter texts on the right; under a causal mask no real position sees it.
        token_text: the text of a token id, or None where there is none.
        targets: for the loss, what comes after each text's first tokens, at most one a token; None for no loss.
        save: where to write ``input_ids`` (int64, B x T) and ``logits`` (float32, B x T x V) as safetensors.
        checkpoint: whose weights to use instead of random ones; ``config`` is then its own.
        watch: takes the network and the (B, T) ids, directly before they are run, and returns a listener to each step.
    """
    started = perf_counter()
    model = build(network, options, checkpoint)
    built = perf_counter()
    lengths = [len(ids) for ids in batch]
    longest = max(lengths)
    padded = torch.tensor([[*ids, *[pad_id] * (longest - len(ids))] for ids in batch])  # (B, T)
    shapes: dict[str, tuple[int, ...]] = {}
    watching: list[Listener] = []

    def note(path: str, x: Tensor) -> None:
        shapes[path] = tuple(x.shape)
        for listener in watching:
            listener(path, x)

    with torch.inference_mode(), observed(model, note):
        ids = padded.to(options.device)
        if watch is not None:
            watching.append(watch(model, ids))
        logits: Tensor = model(ids)  # (B, T, V)
    if options.device == "cuda":
        torch.cuda.synchronize()
    done = perf_counter()
    if save is not None:
        _save(save, padded, logits)
    losses = [text_loss(*each) for each in zip(logits, batch, targets, strict=True)] if targets is not None else None
    loss, perplexity, tokens = mean_loss(losses) if losses is not None else (None, None, None)
    return ForwardReport(
        config=network.config,
        input_ids=padded.tolist(),
        lengths=lengths,
        pad_id=pad_id if min(lengths) < longest else None,
        logits=_describe_logits(logits, options.dtype, lengths[0]),
        next_tokens=[
            top_tokens(logits[row, length - 1], options.top, token_text) for row, length in enumerate(lengths)
        ],
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        weights_bytes=sum(parameter.nbytes for parameter in model.parameters()),
        device=options.device,
        device_name=device_name(options.device),
        dtype=options.dtype,
        seed=options.seed,
        init=options.init,
        weights=weights_of(checkpoint),
        attention=options.attention,
        dropout=options.dropout,
        stages=_stages(network, options.attention, shapes),
        build_seconds=built - started,
        forward_seconds=done - built,
        loss=loss,
        perplexity=perplexity,
        tokens=tokens,
        losses=losses,
    )


def weights_of(checkpoint: Recognised | None) -> WeightsFile | None:
    """Return what a report says of the checkpoint that was run, or None for random weights."""
    if checkpoint is None or checkpoint.matched is None:
        return None
    return WeightsFile(printable(str(checkpoint.opened.path)), checkpoint.matched.layout.name, checkpoint.opened.kind)


def device_name(device: str) -> str | None:
    """Return the card's name, or None on the CPU."""
    return torch.cuda.get_device_name() if device == "cuda" else None


def _stages(network: Network, attention: AttentionPath, shapes: dict[str, tuple[int, ...]]) -> list[Stage]:
    """Put the observed shapes to the described steps; blocks after the first repeat it and are left out."""
    listed = steps(network.on(attention), network.sizes)
    return [Stage(s.path, s.label, shapes[s.path], s.block is not None) for s in listed if not s.block]


def _describe_logits(logits: Tensor, dtype: str, first_length: int) -> LogitsReport:
    rows = logits[0, : min(first_length, _PREVIEW_ROWS)].float()
    edge = min(_PREVIEW_EDGE, rows.shape[-1])
    tail = max(edge, rows.shape[-1] - edge)  # in a small vocabulary the ends meet; no column is reported twice
    preview = LogitsPreview(first=rows[:, :edge].tolist(), last=rows[:, tail:].tolist())
    extremes = torch.stack(logits.aminmax())  # NaN where one is; isfinite would take the logits' memory once more
    finite = bool(extremes.isfinite().all())
    return LogitsReport(shape=tuple(logits.shape), dtype=dtype, preview=preview, finite=finite)


def top_tokens(logits: Tensor, amount: int, token_text: Callable[[int], str | None]) -> list[NextToken]:
    """Return the most likely next tokens after one position, whose logits are (V,)."""
    values = logits.float()
    probabilities = values.softmax(dim=-1)
    best = values.topk(min(amount, values.numel()))
    return [
        NextToken(id=int(i), text=token_text(int(i)), logit=float(values[i]), probability=float(probabilities[i]))
        for i in best.indices.tolist()
    ]


def _save(path: Path, ids: Tensor, logits: Tensor) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file({"input_ids": ids, "logits": logits.float().cpu().contiguous()}, path)
    except OSError as error:
        raise WriteError(error.strerror or str(error)) from None
    except SafetensorError as error:
        raise WriteError(str(error)) from None
