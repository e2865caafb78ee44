"""tiktoken on a text that is held in memory, in parts of a mebibyte: ``FILE THREADS``; prints seconds and tokens."""

import sys
from pathlib import Path
from time import perf_counter

from gptcli.tokenizer.vocabulary import encoding

text = Path(sys.argv[1]).read_bytes().decode()
parts = [text[start : start + 2**20] for start in range(0, len(text), 2**20)]
encode = encoding().encode_ordinary_batch
started = perf_counter()
print(sum(map(len, encode(parts, num_threads=int(sys.argv[2])))), perf_counter() - started)
