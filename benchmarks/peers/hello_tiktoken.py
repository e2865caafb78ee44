"""The bare Typer-and-Rich program, with tiktoken building GPT-2's encoding from its file and encoding a sentence."""

import base64
import sys
from pathlib import Path

import tiktoken
import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer()
PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""


@app.command()
def hello(file: Path, text: str) -> None:
    """Print the ids of a text."""
    lines = (line.split() for line in file.read_bytes().splitlines() if line)
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    special = {"<|endoftext|>": 50256}
    encoding = tiktoken.Encoding("gpt2", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens=special)
    table = Table("Position", "Id")
    for position, token_id in enumerate(encoding.encode(text)):
        table.add_row(str(position), str(token_id))
    Console().print(table)


if __name__ == "__main__":
    sys.exit(app())
