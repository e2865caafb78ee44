"""Texts to token ids and back: GPT-2's encoding, offline, and tokenizers in files."""

from gptcli.tokenizer.codec import check_text, decode_bytes, encode, token_of
from gptcli.tokenizer.opening import open_file, open_tokenizer, tokenizer_in
from gptcli.tokenizer.packaged import GPT2
from gptcli.tokenizer.pieces import encoded_pieces, text_pieces
from gptcli.tokenizer.report import tokenize_report
from gptcli.tokenizer.stream import IdStream, TextStream
from gptcli.tokenizer.tokenizer import Tokenizer, nameless
from gptcli.tokenizer.vocabulary import END_OF_TEXT, END_OF_TEXT_ID, NAME, SIZE, VOCABULARY_FILE, encoding

__all__ = [
    "END_OF_TEXT",
    "END_OF_TEXT_ID",
    "GPT2",
    "NAME",
    "SIZE",
    "VOCABULARY_FILE",
    "IdStream",
    "TextStream",
    "Tokenizer",
    "check_text",
    "decode_bytes",
    "encode",
    "encoded_pieces",
    "encoding",
    "nameless",
    "open_file",
    "open_tokenizer",
    "text_pieces",
    "token_of",
    "tokenize_report",
    "tokenizer_in",
]
