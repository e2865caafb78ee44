"""The yardstick: a bare Typer program that prints a Rich table."""

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer()


@app.command()
def hello(name: str = "world") -> None:
    """Print a greeting."""
    table = Table("Greeting", "Name")
    table.add_row("Hello", name)
    Console().print(table)


if __name__ == "__main__":
    app()
