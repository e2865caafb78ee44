"""A network that is built, and texts that it continues."""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from msgspec import Struct

from gptcli.api.models import ChosenModel
from gptcli.reports.generate import GenerateReport
from gptcli.tokenizer import IdStream, TextStream, Tokenizer

if TYPE_CHECKING:
    from gptcli.model.generate import GenerateOptions
    from gptcli.model.gpt import GPT


class Built(Struct, frozen=True):
    """A network, whose model it is, and the seconds that it took to build."""

    network: "GPT"
    chosen: ChosenModel
    seconds: float


def built(chosen: ChosenModel, options: "GenerateOptions") -> Built:
    """Build the network of a model, on the device and in the dtype of the options."""
    from gptcli.model.forward import build

    started = perf_counter()
    network = build(chosen.network, options, chosen.checkpoint)
    return Built(network, chosen, perf_counter() - started)


def generated(
    model: Built,
    prompts: Sequence[tuple[str | None, list[int]]],
    options: "GenerateOptions",
    *,
    tokenizer: Tokenizer | None,
    write: Callable[[str], None] | None = None,
) -> GenerateReport:
    """Continue texts.

    Args:
        model: what continues them.
        prompts: each text and its ids.
        options: how, and how far.
        tokenizer: what spells the tokens, or None where nothing does: ids are written then.
        write: gets each piece of the text as soon as it is certain.
    """
    from gptcli.model.generate import run_generate

    chosen = model.chosen
    return run_generate(
        model.network,
        prompts,
        options,
        [_speller(options, tokenizer, ids, write) for _, ids in prompts],
        build_seconds=model.seconds,
        end_ids=chosen.weights.end_ids if chosen.weights else frozenset(),
        checkpoint=chosen.checkpoint,
    )


def _speller(
    options: "GenerateOptions", tokenizer: Tokenizer | None, prompt: list[int], write: Callable[[str], None] | None
) -> TextStream | IdStream:
    if tokenizer is None:
        return IdStream(write)
    return TextStream(options.stop, write, tokenizer, previous=prompt[-1])
