"""Checkpoints without torch: what lies in files, in whose layout, as which config, and what is wrong with it."""

from gptcli.checkpoints.gguf_report import inspect_gguf
from gptcli.checkpoints.inspection import broken_report, inspect
from gptcli.checkpoints.layouts import LAYOUTS, Layout
from gptcli.checkpoints.locate import Located, locate
from gptcli.checkpoints.opening import end_of_text_ids, open_safetensors
from gptcli.checkpoints.recognition import Recognised, recognise
from gptcli.checkpoints.safetensors_file import BrokenFileError

__all__ = [
    "LAYOUTS",
    "BrokenFileError",
    "Layout",
    "Located",
    "Recognised",
    "broken_report",
    "end_of_text_ids",
    "inspect",
    "inspect_gguf",
    "locate",
    "open_safetensors",
    "recognise",
]
