"""The report of ``gptcli generate``."""

from msgspec import Struct

from gptcli.reports.report import Report
from gptcli.reports.weights_file import WeightsFile


class GeneratedText(Struct, frozen=True):
    """A prompt and what it was continued with.

    Attributes:
        prompt: the text as it was given; of given ids what they spell, or null where no tokenizer says that.
        prompt_ids: its tokens, all of them; the network sees no more than the context length of the last ones.
        ids: the tokens that were generated; one that ends a text is the last of them.
        text: what they spell, up to a stop text; ids outside the encoding and end tokens spell nothing. Null
            where no tokenizer says what ids spell.
        finish_reason: ``length``, ``stop`` or ``end of text``.
    """

    prompt: str | None
    prompt_ids: list[int]
    ids: list[int]
    text: str | None
    finish_reason: str


class GenerateReport(Report, frozen=True, kw_only=True):
    """Texts continued token by token.

    Attributes:
        tokens_per_second: generated tokens of all texts over the seconds of generation, building left out.
        time_to_first_token_seconds: from the start of generation.
        prefill_seconds: reading the prompts, which gives each text its first token.
        decode_seconds: all tokens after the first.
        kv_cache_bytes: of the largest cache, or null where none was used; texts of equal length share one.
        temperature: 0 where the most likely token was taken.
    """

    command: str = "generate"
    texts: list[GeneratedText]
    tokens_per_second: float
    time_to_first_token_seconds: float
    prefill_seconds: float
    decode_seconds: float
    build_seconds: float
    parameters: int
    weights_bytes: int
    kv_cache_bytes: int | None
    device: str
    device_name: str | None
    dtype: str
    seed: int
    init: str
    weights: WeightsFile | None
    attention: str
    max_new_tokens: int
    temperature: float
    top_k: int | None
    top_p: float | None
    stop: list[str]
