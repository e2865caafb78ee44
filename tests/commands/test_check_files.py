"""``gptcli check`` on files of a package or a project: what they import is found, and errors are placed in them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import gptcli.model.check.run  # noqa: F401  # loaded once here, rather than by the child of every test
from tests.conftest import Cli
from tests.model.planted import NANOGPT

PARTS, _, _REST = NANOGPT.partition("class GPT(nn.Module):")
OWN = f"class GPT(nn.Module):{_REST}"
HEAD = PARTS[: PARTS.index("\n\n\n")]  # its imports


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def write(folder: Path, files: dict[str, str]) -> None:
    for name, source in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, encoding="utf-8")


def cut(place: str) -> str:
    """The network without its blocks, which it imports."""
    return f"{HEAD}\nfrom {place} import Block, GPTConfig, LayerNorm\n\n\n{OWN}"


PACKAGES = ["pkg/__init__.py", "pkg/net/__init__.py"]
# The file, from where it imports its blocks, and what else there is.
LAYOUTS = {
    "relative": ("pkg/net/gpt.py", ".parts", PACKAGES),
    "from the parent": ("pkg/net/gpt.py", "..net.parts", PACKAGES),
    "absolute, from above the package": ("pkg/net/gpt.py", "pkg.net.parts", PACKAGES),
    "relative without __init__.py": ("pkg/net/gpt.py", ".parts", []),
    "absolute without __init__.py": ("pkg/net/gpt.py", "pkg.net.parts", []),
    "beside it, in a package": ("pkg/net/gpt.py", "parts", PACKAGES),
    "from the folder above": ("pkg/net/gpt.py", "net.parts", []),
    "a name that is taken": ("torch/net/gpt.py", "parts", ["torch/net/__init__.py"]),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_a_file_of_a_project_imports_is_found(cli: Cli, tmp_path: Path, layout: str) -> None:
    file, place, packages = LAYOUTS[layout]
    parts = str(Path(file).with_name("parts.py"))
    write(tmp_path, {file: cut(place), parts: PARTS, **dict.fromkeys(packages, "")})
    outcome = cli("check", f"{tmp_path / file}:make", "--json")
    assert (outcome.code, outcome.err) == (0, "")


@pytest.mark.parametrize(("file", "line"), [("pkg/net/gpt.py", "raise OSError('broken')"),
                                            ("pkg/net/deep/far.py", "raise OSError('broken')")])  # fmt: skip
def test_an_error_is_placed_in_their_file_wherever_it_lies(
    cli: Cli, tmp_path: Path, file: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = {"pkg/net/deep/far.py": "def run(x):\n    return x\n"}
    if file in far:
        far = {file: f"def run(x):\n    {line}\n"}
        own = cut(".deep.far import run\nfrom .parts").replace(
            "    def forward(self, idx, targets=None):\n",
            "    def forward(self, idx, targets=None):\n        run(idx)\n",
            1,
        )
    else:
        own = cut(".parts").replace(
            "    def forward(self, idx, targets=None):\n",
            f"    def forward(self, idx, targets=None):\n        {line}\n",
            1,
        )
    wanted = 2 if "far" in file else own[: own.index(line)].count("\n") + 1
    write(
        tmp_path,
        {
            "check_me.py": "from pkg.net.gpt import make\n",
            "pkg/net/gpt.py": own,
            "pkg/net/parts.py": PARTS,
            "pkg/__init__.py": "",
            **far,
        },
    )
    monkeypatch.chdir(tmp_path)
    outcome = cli("check", "check_me.py:make")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"error: {file}:{wanted}: OSError: broken (while it ran")


def test_a_library_that_is_missing_says_which_python_needs_it(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, {"gpt.py": "import torch\nimport nowhere_at_all.deep\n", "yml.py": "import sklearn.nowhere\n"})
    told = cli("check", f"{tmp_path}/gpt.py:make").err
    assert f"gpt.py:2: ModuleNotFoundError: No module named 'nowhere_at_all' (while it was loaded); gptcli runs in " \
           f"{sys.executable}, which does not have it; install it there: {sys.executable} -m pip install " \
           "nowhere_at_all\n" in told  # fmt: skip
    assert "pip install scikit-learn\n" in cli("check", f"{tmp_path}/yml.py:make").err


def test_a_file_of_their_own_that_is_missing_needs_no_installation(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, {"pkg/__init__.py": "", "pkg/gpt.py": "from pkg.layers import Block\n"})
    told = cli("check", f"{tmp_path}/pkg/gpt.py:make").err
    assert "there is no pkg/layers.py beside that package's files" in told
    assert "install" not in told


@pytest.mark.parametrize("packages", [PACKAGES, []])
def test_a_module_by_its_dotted_name(
    cli: Cli, tmp_path: Path, packages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"pkg/net/gpt.py": cut(".parts"), "pkg/net/parts.py": PARTS, **dict.fromkeys(packages, "")})
    monkeypatch.chdir(tmp_path)
    outcome = cli("check", "pkg.net.gpt:make", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.json["target"] == "pkg/net/gpt.py:make"


def test_a_package_by_its_name(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"net/__init__.py": cut(".parts"), "net/parts.py": PARTS})
    monkeypatch.chdir(tmp_path)
    assert cli("check", "net:make").code == 0
    assert "net/gtp.py" not in cli("check", "net.gtp:make").err
    assert "net.gtp: no such file" in cli("check", "net.gtp:make").err


def test_an_installed_module_and_the_place_of_its_errors(cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    told = cli("check", "transformers.activations:nothing_like_this")
    assert told.code == 2
    assert "transformers/activations.py: no class or function 'nothing_like_this'" in told.err
