"""Options that several commands share, declared once."""

from typing import Annotated

import typer

from gptcli.architecture import AttentionPath
from gptcli.architecture.devices import device_named
from gptcli.architecture.dtypes import compute_dtype
from gptcli.config import InitScheme

MAX_SEED = 2**64 - 1
MAX_THREADS = 1024

ConfigOption = Annotated[
    str,
    typer.Option(
        "--config",
        "-c",
        metavar="NAME|PATH|-",
        envvar="GPTCLI_CONFIG",
        help="A preset ('gptcli config list'), file, Hub name or -.",
        rich_help_panel="Model",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override one key of the config; repeatable.", rich_help_panel="Model"
    ),
]
TiedOption = Annotated[
    bool | None,
    typer.Option(
        "--tied/--untied",
        help="Share the embedding's weight with the head or not.",
        show_default="the config's",
        rich_help_panel="Model",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document instead of text.", rich_help_panel="Output")
]
TextsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="TEXT...", help="Texts; without one, or for -, standard input.", show_default=False),
]
FileOption = Annotated[
    list[str] | None,
    typer.Option(
        "--file", "-f", metavar="FILE", help="Read a text from a UTF-8 file; repeatable.", rich_help_panel="Input"
    ),
]
AllowSpecialOption = Annotated[
    bool,
    typer.Option(
        "--allow-special",
        help="Read <|endoftext|> and its like as tokens.",
        rich_help_panel="Input",
    ),
]
TokenIdsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--token-ids", metavar="IDS", help='Ids in place of texts: "1,2,3"; repeatable.', rich_help_panel="Input"
    ),
]
TokenizerOption = Annotated[
    str | None,
    typer.Option(
        "--tokenizer",
        metavar="PATH|gpt2",
        help="A tokenizer.json or .tiktoken, if not its own.",
        show_default=False,
        rich_help_panel="Input",
    ),
]
AttentionOption = Annotated[
    AttentionPath,
    typer.Option(
        "--attention",
        metavar="HOW",
        help="sdpa: one fused call; explicit: step by step.",
        rich_help_panel="Run",
    ),
]


DeviceOption = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda",
        parser=device_named,
        help="auto: CUDA where there is a card.",
        rich_help_panel="Run",
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        min=1,
        max=MAX_THREADS,
        help="Threads of a product on the CPU.",
        show_default="one a core",
        rich_help_panel="Run",
    ),
]
ComputeDtypeOption = Annotated[
    str,
    typer.Option(
        "--dtype",
        metavar="fp32|fp16|bf16",
        parser=compute_dtype,
        help="Type of weights and activations.",
        rich_help_panel="Run",
    ),
]
InitOption = Annotated[
    InitScheme | None,
    typer.Option(
        "--init",
        help="Draw weights as PyTorch does or OpenAI did.",
        show_default="the config's",
        rich_help_panel="Model",
    ),
]
SeedOption = Annotated[
    int, typer.Option("--seed", min=0, max=MAX_SEED, help="Seed of the random weights.", rich_help_panel="Model")
]
DropoutOption = Annotated[
    bool, typer.Option("--dropout", help="Run with dropout on, as in training mode.", rich_help_panel="Run")
]
TopOption = Annotated[
    int, typer.Option("--top", min=1, max=1000, help="Candidates shown for the next token.", rich_help_panel="Output")
]
LossOption = Annotated[
    bool,
    typer.Option(
        "--loss",
        help="Show cross-entropy and perplexity of each text.",
        rich_help_panel="Output",
    ),
]
TargetsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--targets",
        metavar="TEXT",
        help="The tokens that come next, if not the text's own.",
        rich_help_panel="Output",
    ),
]
OpenedOption = Annotated[
    int,
    typer.Option(
        "--depth",
        "-d",
        min=1,
        max=3,
        help="1: network, 2: block, 3: attention, feed forward.",
        rich_help_panel="Output",
    ),
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Run even if the memory seems too small.", rich_help_panel="Run")
]


def is_typed(context: typer.Context, option: str) -> bool:
    """Return whether an option stands on the command line, not only in a variable."""
    source = context.get_parameter_source(option)
    return source is not None and source.name == "COMMANDLINE"
