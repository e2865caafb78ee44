"""Save GPT-2 124M with random weights as transformers does: ``python -m benchmarks.make_checkpoint DIRECTORY``."""

import sys

import torch
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.utils import logging

if __name__ == "__main__":
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config()).save_pretrained(sys.argv[1])
