"""A new kind of part costs three files and a config key: shown on a copy of the package."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gptcli

SOURCE = Path(gptcli.__file__).parent

# ``x * weight``: a norm that does not norm, with the memory of one call: its value, and on the way to the weight's
# gradient a product as large as x, which is then summed.
PART = '''
"""A toy: it scales, and that is all."""

from typing import ClassVar

from gptcli.architecture.axes import Dim
from gptcli.architecture.books import PASSED_BACK, TEMPORARIES, Amount, Gradient, Kernel, Temporary, of_parameter
from gptcli.architecture.parts.part import Family, Part, identity_draws


class ToyNorm(Part, frozen=True, kw_only=True):
    """``x * weight``."""

    kind: ClassVar[str] = "toy_norm"
    family: ClassVar[Family] = "norm"
    called: ClassVar[str] = "toy norm"
    sentence: ClassVar[str] = "Scales each number."

    features: Dim
    eps: float

    def weights(self):
        return {"weight": (self.features,)}

    def draws(self, scheme, residual_deviation):
        return identity_draws(self)

    def formula(self):
        return "x * weight"

    def products(self):
        return ()

    def kernels(self, out, reads, given):
        (read,) = reads
        whole, item = self.shape, given.stream_item
        gradients = (
            Gradient(Amount(PASSED_BACK, whole, item), read.name),
            Temporary(Amount(TEMPORARIES, whole, item), until=f"{out}.weight"),
            of_parameter(f"{out}.weight", (self.features,), item, late=True),
        )
        made = (Amount(self.label, whole, item),)
        return [Kernel(outs=(out,), made=made, reads=(read.name,), saves=(read.name,), gradients=gradients)]
'''
LEAF = '''
"""A toy."""

from gptcli.architecture.parts import toy_norm
from gptcli.model.parts.leaf import Leaf, leaf_of


@leaf_of(toy_norm.ToyNorm)
class ToyNorm(Leaf):
    """``x * weight``."""

    def forward(self, x):
        """(..., C) -> (..., C)."""
        return x * self.weight
'''
NEW = {"architecture/parts/toy_norm.py": PART, "model/parts/toy_norm.py": LEAF}
CHANGED = {
    "architecture/wiring/norms.py": (
        ('        "rms_norm": RMSNorm,\n', '        "rms_norm": RMSNorm,\n        "toy_norm": ToyNorm,\n'),
        (
            "from gptcli.architecture.parts.rms_norm import RMSNorm\n",
            "from gptcli.architecture.parts.rms_norm import RMSNorm\n"
            "from gptcli.architecture.parts.toy_norm import ToyNorm\n",
        ),
    ),
    "config/model_config.py": (('"layer_norm", "rms_norm"', '"layer_norm", "rms_norm", "toy_norm"'),),
}

# The witness takes torch's own norm of the name; torch has none of this one.
RUN = """
import sys
import torch
from torch import nn


class ToyNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * self.weight


nn.ToyNorm = ToyNorm
from gptcli.__main__ import main
sys.argv = ["gptcli", *sys.argv[1:]]
main()
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package with a toy norm in it."""
    root = tmp_path_factory.mktemp("copy")
    package = root / "gptcli"
    shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("__pycache__"))
    configs = SOURCE.parent / "configs"
    if configs.is_dir():
        (root / "configs").symlink_to(configs)
    for name, text in NEW.items():
        (package / name).write_text(text.lstrip())
    for name, replacements in CHANGED.items():
        text = (package / name).read_text()
        for before, after in replacements:
            assert before in text, before
            text = text.replace(before, after)
        (package / name).write_text(text)
    (root / "run.py").write_text(RUN)
    return root


def run(copy: Path, *arguments: str) -> str:
    """Run a command of the copy on a small model with the toy norm."""
    environ = {**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    model = ["-c", "tiny", "--set", "norm=toy_norm"]
    line = [sys.executable, str(copy / "run.py"), *arguments, *model]
    done = subprocess.run(line, capture_output=True, text=True, env=environ, cwd=copy, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_three_files_and_a_key() -> None:
    assert len(NEW) + len(CHANGED) == 4
    assert [name for name in (*NEW, *CHANGED) if name != "config/model_config.py"] == [
        "architecture/parts/toy_norm.py",
        "model/parts/toy_norm.py",
        "architecture/wiring/norms.py",
    ]


def test_it_verifies_to_the_byte(copy: Path) -> None:
    report = json.loads(run(copy, "verify", "--quick", "--seq-len", "32", "--json"))
    assert report["ok"]
    assert {check["error"] for check in report["checks"]} == {0}
    names = [check["name"] for check in report["checks"]]
    assert {"witness: logits", "peak of a training step", "peak of generation", "forward FLOPs"} <= set(names)


def test_it_is_drawn_and_traced(copy: Path) -> None:
    drawn = run(copy, "flow")
    assert "Toy norm 1" in drawn
    assert "Final toy norm" in drawn
    traced = run(copy, "trace", "Hi", "--html", str(copy / "page.html"))
    assert "Final toy norm" in traced
    assert "Scales each number." in (copy / "page.html").read_text()
    assert "toy norm and GELU are one fused call each" in " ".join(run(copy, "memory").split())
