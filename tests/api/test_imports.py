"""What a program calls is imported without what it may never need."""

import subprocess
import sys


def test_no_file_of_the_api_loads_torch_or_anything_of_a_screen() -> None:
    heavy = ("torch", "rich", "typer", "tiktoken", "tokenizers", "numpy")
    code = f"""
import pkgutil, sys
from importlib import import_module
import gptcli.api
names = [each.name for each in pkgutil.iter_modules(gptcli.api.__path__, "gptcli.api.")]
for name in names:
    import_module(name)
print(len(names) > 10, [name for name in {heavy} if name in sys.modules])
"""
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert outcome.stdout == "True []\n"
