"""tiktoken's GPT-2 encoding, offline."""

from gptcli.tokenizer.codec import check_text, decode_bytes, encode, token_of, tokenize_report
from gptcli.tokenizer.pieces import encoded_pieces, text_pieces
from gptcli.tokenizer.stream import TextStream
from gptcli.tokenizer.vocabulary import END_OF_TEXT, END_OF_TEXT_ID, NAME, SIZE, VOCABULARY_FILE, encoding

__all__ = [
    "END_OF_TEXT",
    "END_OF_TEXT_ID",
    "NAME",
    "SIZE",
    "VOCABULARY_FILE",
    "TextStream",
    "check_text",
    "decode_bytes",
    "encode",
    "encoded_pieces",
    "encoding",
    "text_pieces",
    "token_of",
    "tokenize_report",
]
