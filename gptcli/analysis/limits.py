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


def past_table(config: ModelConfig, tokens: int) -> str | None:
    """Return why a network cannot read a text of so many tokens at once; None where it can."""
    if config.longest_text is None or tokens <= config.longest_text:
        return None
    return f"a table of {config.longest_text:,} positions has none for the rest of {tokens:,} tokens"


def length_notes(config: ModelConfig, tokens: int) -> list[str]:
    """Say of figures that are arithmetic that the network cannot read so many tokens, or was not made for them."""
    if tokens <= config.context_length:
        return []
    over = f"--seq-len {tokens:,} is over the context length {config.context_length:,} of {config.name}"
    why = past_table(config, tokens)
    if why is None:
        return [f"{over}; the network reads them all, which it may not have learned"]
    return [
        f"{over}: {why}, so the network cannot read them at once; what is counted is arithmetic. "
        f"--set context_length={tokens} counts a longer table"
    ]
