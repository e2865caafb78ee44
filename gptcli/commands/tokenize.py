"""``gptcli tokenize``."""

import sys
from collections.abc import Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Annotated

import typer

from gptcli.commands._app import command_app, common
from gptcli.commands._options import AllowSpecialOption, FileOption, JsonOption, TextsArgument
from gptcli.errors import InputError

if TYPE_CHECKING:
    from gptcli.tokenizer import Tokenizer

app = command_app()

# A text with its ids, or None for the text where the ids say it whole, as those of GPT-2's encoding do.
_Encoded = tuple[str | None, list[int]]


@app.command(cls=common("--count", "--ids", "--decode", "--tokenizer", "--json"), rich_help_panel="Inspect")
def tokenize(
    texts: TextsArgument = None,
    files: FileOption = None,
    tokenizer: Annotated[
        str,
        typer.Option(
            "--tokenizer",
            metavar="PATH|gpt2",
            help="A tokenizer.json, its folder, or a .tiktoken.",
            rich_help_panel="Input",
        ),
    ] = "gpt2",
    allow_special: AllowSpecialOption = False,
    ids: Annotated[bool, typer.Option("--ids", help="Print the ids alone, a line per text.")] = False,
    count: Annotated[bool, typer.Option("--count", help="Print the number of tokens alone.")] = False,
    decode: Annotated[bool, typer.Option("--decode", help="Read ids and print the text they spell.")] = False,
    json: JsonOption = False,
) -> None:
    r"""Show how a text becomes token ids: GPT-2's, or those of a tokenizer's file.

    [dim]$[/dim] gptcli tokenize "Every effort moves you"
    [dim]$[/dim] gptcli tokenize --ids "Every effort moves you" | gptcli tokenize --decode
    """
    if ids + count + decode + json > 1 and not (json and decode):
        raise InputError("--ids, --count, --decode and --json each print something else; choose one")
    from gptcli.api.texts import read_texts
    from gptcli.tokenizer import GPT2, open_tokenizer

    chosen = open_tokenizer(tokenizer)
    if decode:
        _decode(read_texts(texts, files, what="ids"), chosen, json=json)
        return
    if count and chosen is GPT2:
        pieces = _in_pieces(texts, files, allow_special=allow_special)
        _write(f"{sum(len(piece) for text in pieces for piece in text)}\n")
        return
    if chosen is GPT2:
        pieces = _in_pieces(texts, files, allow_special=allow_special)
        encoded: list[_Encoded] = [(None, list(chain.from_iterable(text))) for text in pieces]
    else:
        encoded = _by_file(texts, files, chosen, allow_special=allow_special)
    if count:
        _write(f"{sum(len(each) for _, each in encoded)}\n")
    elif ids:
        _write("".join(" ".join(map(str, each)) + "\n" for _, each in encoded))
    else:
        _report(chosen, encoded, json=json)


def _in_pieces(
    texts: list[str] | None, files: list[str] | None, *, allow_special: bool
) -> Iterator[Iterator[list[int]]]:
    """Yield each text's ids by GPT-2's encoding, piece by piece.

    A long file need not be in memory whole, and how far it is can be shown.
    """
    from gptcli.api.texts import read_pieces
    from gptcli.render.progress import bytes_read

    given = read_pieces(texts, files, allow_special=allow_special, watched=bytes_read)
    return (_encoded(pieces, allow_special=allow_special) for pieces in given)


def _encoded(pieces: Iterator[str], *, allow_special: bool) -> Iterator[list[int]]:
    """Yield the ids of each piece; the threads that share the work are made for more than one."""
    from gptcli.tokenizer import encode, encoded_pieces

    first = list(islice(pieces, 2))
    if len(first) > 1:
        yield from encoded_pieces(chain(first, pieces), allow_special=allow_special)
    else:
        yield from (encode(piece, allow_special=allow_special) for piece in first)


def _by_file(
    texts: list[str] | None, files: list[str] | None, tokenizer: "Tokenizer", *, allow_special: bool
) -> list[_Encoded]:
    """Return texts and their ids by a tokenizer's file, which alone knows where texts could be cut: they are whole."""
    from gptcli.api.texts import read_texts, text_names
    from gptcli.api.tokenizers import notes_on
    from gptcli.commands._notes import note_all

    given = read_texts(texts, files)
    note_all(notes_on(tokenizer, given, text_names(texts, files), allow_special=allow_special))
    return [(text, tokenizer.encode(text, allow_special=allow_special)) for text in given]


def _report(tokenizer: "Tokenizer", encoded: list[_Encoded], *, json: bool) -> None:
    from gptcli.render.emit import print_json, print_text
    from gptcli.tokenizer import tokenize_report

    report = tokenize_report(tokenizer, encoded)

    if json:
        print_json(report)
    else:
        from gptcli.render.tokenize import tokenize_text

        print_text(tokenize_text(report))


def _decode(given: list[str], tokenizer: "Tokenizer", *, json: bool) -> None:
    """Print the bytes that the ids spell."""
    from gptcli.api.token_ids import parse_ids
    from gptcli.render.emit import print_decoded

    parsed = [parse_ids(text, tokenizer=tokenizer) for text in given]
    encoded = parsed if json else [list(chain.from_iterable(parsed))]
    data = [tokenizer.decode_bytes(ids) for ids in encoded]
    if json:
        _report(tokenizer, [(None, ids) for ids in encoded], json=True)
        return
    print_decoded(b"".join(data))


def _write(text: str) -> None:
    sys.stdout.write(text)
