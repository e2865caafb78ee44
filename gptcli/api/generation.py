"""A network that is built, and texts that it continues."""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from msgspec import Struct

from gptcli.api.models import ChosenModel
from gptcli.reports.generate import GenerateReport
from gptcli.tokenizer import TextStream

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
    prompts: Sequence[tuple[str, list[int]]],
    options: "GenerateOptions",
    *,
    write: Callable[[str], None] | None = None,
) -> GenerateReport:
    """Continue texts.

    Args:
        model: what continues them.
        prompts: each text and its ids.
        options: how, and how far.
        write: gets each piece of the text as soon as it is certain.
    """
    from gptcli.model.generate import run_generate

    chosen = model.chosen
    return run_generate(
        model.network,
        prompts,
        options,
        [TextStream(options.stop, write) for _ in prompts],
        build_seconds=model.seconds,
        end_ids=chosen.weights.end_ids if chosen.weights else frozenset(),
        checkpoint=chosen.checkpoint,
    )
