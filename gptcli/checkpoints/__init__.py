"""Checkpoints without torch: what lies in files, in whose layout, as which config, and what is wrong with it."""

from gptcli.checkpoints.inspection import Recognised, broken_report, inspect, recognise
from gptcli.checkpoints.layouts import LAYOUTS, Layout
from gptcli.checkpoints.locate import Located, locate
from gptcli.checkpoints.opening import end_of_text_ids, open_safetensors
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
    "locate",
    "open_safetensors",
    "recognise",
]
