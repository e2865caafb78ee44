"""gptcli: inspect GPT-style language models from the shell."""

__version__ = "0.1.0"
