"""The report of ``gptcli tokenize``."""

from msgspec import Struct

from gptcli.reports.report import Report
from gptcli.reports.tokens import Token


class TokenizedText(Struct, frozen=True):
    """A text and the tokens it is made of."""

    text: str
    ids: list[int]
    tokens: list[Token]


class TokenizeReport(Report, frozen=True, kw_only=True):
    """Texts as tokens."""

    command: str = "tokenize"
    encoding: str
    texts: list[TokenizedText]
    total_tokens: int
