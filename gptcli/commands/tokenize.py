"""``gptcli tokenize``."""

import sys
from collections.abc import Iterator
from itertools import chain, islice
from typing import Annotated

import typer

from gptcli.commands._app import command_app, common
from gptcli.commands._options import AllowSpecialOption, FileOption, JsonOption, TextsArgument
from gptcli.errors import InputError

app = command_app()


@app.command(cls=common("--count", "--ids", "--decode", "--file", "--json"), rich_help_panel="Inspect")
def tokenize(
    texts: TextsArgument = None,
    files: FileOption = None,
    allow_special: AllowSpecialOption = False,
    ids: Annotated[bool, typer.Option("--ids", help="Print the ids alone, a line per text.")] = False,
    count: Annotated[bool, typer.Option("--count", help="Print the number of tokens alone.")] = False,
    decode: Annotated[bool, typer.Option("--decode", help="Read ids and print the text they spell.")] = False,
    json: JsonOption = False,
) -> None:
    r"""Show how a text becomes GPT-2 token ids.

    [dim]$[/dim] gptcli tokenize "Every effort moves you"
    [dim]$[/dim] gptcli tokenize --ids "Every effort moves you" | gptcli tokenize --decode
    """
    if ids + count + decode + json > 1 and not (json and decode):
        raise InputError("--ids, --count, --decode and --json each print something else; choose one")
    from gptcli.api.texts import read_pieces, read_texts
    from gptcli.render.progress import bytes_read

    if decode:
        _decode(read_texts(texts, files, what="ids"), json=json)
        return
    # Of a long file a piece after the other: it need not be in memory whole, and how far it is can be shown.
    given = read_pieces(texts, files, allow_special=allow_special, watched=bytes_read)
    texts_ids = (_encoded(pieces, allow_special=allow_special) for pieces in given)
    if count:
        _write(f"{sum(len(piece) for pieces in texts_ids for piece in pieces)}\n")
        return
    encoded = [list(chain.from_iterable(pieces)) for pieces in texts_ids]
    if ids:
        _write("".join(" ".join(map(str, each)) + "\n" for each in encoded))
    else:
        _report(encoded, json=json)


def _encoded(pieces: Iterator[str], *, allow_special: bool) -> Iterator[list[int]]:
    """Yield the ids of each piece; the threads that share the work are made for more than one."""
    from gptcli.tokenizer import encode, encoded_pieces

    first = list(islice(pieces, 2))
    if len(first) > 1:
        yield from encoded_pieces(chain(first, pieces), allow_special=allow_special)
    else:
        yield from (encode(piece, allow_special=allow_special) for piece in first)


def _report(encoded: list[list[int]], *, json: bool) -> None:
    from gptcli.render.emit import print_json, print_text
    from gptcli.tokenizer import tokenize_report

    report = tokenize_report(encoded)

    if json:
        print_json(report)
    else:
        from gptcli.render.tokenize import tokenize_text

        print_text(tokenize_text(report))


def _decode(given: list[str], *, json: bool) -> None:
    """Print the bytes that the ids spell."""
    from gptcli.api.token_ids import parse_ids
    from gptcli.render.emit import print_decoded
    from gptcli.tokenizer import decode_bytes

    encoded = [parse_ids(text) for text in given] if json else [[i for text in given for i in parse_ids(text)]]
    data = [decode_bytes(ids) for ids in encoded]
    if json:
        _report(encoded, json=True)
        return
    print_decoded(b"".join(data))


def _write(text: str) -> None:
    sys.stdout.write(text)
