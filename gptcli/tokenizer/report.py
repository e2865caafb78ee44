"""Texts with their tokens, laid open."""

from collections.abc import Iterable

from gptcli.reports.tokenize import TokenizedText, TokenizeReport
from gptcli.tokenizer.tokenizer import Tokenizer


def tokenize_report(tokenizer: Tokenizer, texts: Iterable[tuple[str | None, list[int]]]) -> TokenizeReport:
    """Lay open the tokens of texts.

    Args:
        tokenizer: whose ids they are.
        texts: each text and its ids; without the text, what the ids spell stands for it.
    """
    tokenized = [_tokenized(tokenizer, text, ids) for text, ids in texts]
    total = sum(len(text.ids) for text in tokenized)
    return TokenizeReport(encoding=tokenizer.name, texts=tokenized, total_tokens=total)


def _tokenized(tokenizer: Tokenizer, text: str | None, ids: list[int]) -> TokenizedText:
    text = tokenizer.decode_bytes(ids).decode(errors="replace") if text is None else text
    return TokenizedText(text, ids, [tokenizer.token_of(token_id) for token_id in ids])
