"""What ``gptcli generate`` does between its options and its report."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gptcli.config import ModelConfig
from gptcli.signals import undone_on_signals

if TYPE_CHECKING:
    from gptcli.analysis.step import StepOptions
    from gptcli.commands._weights import ChosenModel
    from gptcli.model.generate import GenerateOptions
    from gptcli.reports.generate import GenerateReport


def build_and_generate(
    chosen: "ChosenModel", prompts: list[tuple[str, list[int]]], options: "GenerateOptions", *, streamed: bool
) -> "GenerateReport":
    """Build and generate; print prompt and text as they come where they are ``streamed``."""
    from gptcli.model.forward import build
    from gptcli.model.generate import run_generate
    from gptcli.render.emit import print_piece
    from gptcli.render.progress import working
    from gptcli.tokenizer import TextStream

    started = perf_counter()
    with working(f"Building {chosen.config.name} on {options.device}"):
        network = build(chosen.config, options, chosen.checkpoint)
    spellers = [TextStream(options.stop, print_piece if streamed else None) for _ in prompts]
    run = partial(
        run_generate,
        network,
        prompts,
        options,
        spellers,
        build_seconds=perf_counter() - started,
        end_ids=chosen.weights.end_ids if chosen.weights else frozenset(),
        checkpoint=chosen.checkpoint,
    )
    if not streamed:
        with working("Generating"):
            return run()
    print_piece(prompts[0][0], prominent=True)
    with undone_on_signals(_end_line):
        try:
            return run()
        finally:
            print_piece("\n")


def _end_line() -> None:
    """End the line below Python's stream, which may be in the midst of a piece; a full pipe would make it wait."""
    import select

    with suppress(OSError):
        if select.select([], [1], [], 0)[1]:
            os.write(1, b"\n")


def runs_of(run: "StepOptions", context: int, batch: list[list[int]], new: int) -> "Iterator[StepOptions]":
    """Yield what runs one after the other: texts of equal length together, up to the length they can reach."""
    for length, amount in Counter(min(len(ids), context) for ids in batch).items():
        yield replace(run, batch=amount, tokens=min(length + new, context))


def note_cropped(names: list[str], batch: list[list[int]], config: ModelConfig) -> None:
    """Note on stderr which prompts the network does not see whole."""
    from gptcli.render.errors import print_note

    for name, ids in zip(names, batch, strict=True):
        if len(ids) > config.context_length:
            print_note(
                f"{name} has {len(ids):,} tokens, over the context length {config.context_length:,} of {config.name}; "
                f"the network sees the last {config.context_length:,}"
            )
