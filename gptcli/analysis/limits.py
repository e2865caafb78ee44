"""The longest text that a model can take."""

from gptcli.config import ModelConfig
from gptcli.errors import InputError

# Texts at once: more than any machine takes, few enough for every figure to be a number of reasonable length.
MAX_BATCH = 2**40

MAX_RANK = 2**24  # of an adapter; as wide as any layer


def check_length(config: ModelConfig, tokens: int) -> None:
    """Refuse a text that is longer than the model's table of positions; without a table there is no longest.

    Raises:
        InputError: with both lengths and the way out.
    """
    if config.longest_text is not None and tokens > config.longest_text:
        raise InputError(
            f"--seq-len {tokens:,} is over the context length {config.context_length:,} of {config.name}; "
            f"shorten it, or use --set context_length={tokens}"
        )
