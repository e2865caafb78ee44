"""Options that say how the next token is chosen."""

from typing import Annotated

import typer

TemperatureOption = Annotated[
    float | None,
    typer.Option(
        "--temperature",
        metavar="X",
        help="Draw tokens, the logits divided by this; 0 takes the most likely.",
        show_default="0, or 1 with --top-k or --top-p",
        rich_help_panel="Sampling",
    ),
]
TopKOption = Annotated[
    int | None,
    typer.Option("--top-k", metavar="N", min=1, help="Draw from the N most likely.", rich_help_panel="Sampling"),
]
TopPOption = Annotated[
    float | None,
    typer.Option(
        "--top-p",
        metavar="P",
        help="Draw from the fewest whose probabilities add up to P.",
        rich_help_panel="Sampling",
    ),
]
