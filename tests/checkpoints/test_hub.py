"""Models by name, from the cache that Hugging Face's client keeps."""

import importlib.util
import sys
from pathlib import Path
from shlex import quote

import pytest

from gptcli.checkpoints import hub
from gptcli.errors import GptcliError, InputError
from gptcli.hub import client
from tests.checkpoints import peers
from tests.conftest import Cli

_SIZES = peers.SHAPES[0]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.delenv("HUGGINGFACE_HUB_CACHE", raising=False)
    return tmp_path / "hub"


def _put(cache: Path, name: str, revision: str = "abc", *, main: bool = True) -> Path:
    folder = cache / f"models--{name.replace('/', '--')}"
    snapshot = folder / "snapshots" / revision
    peers.hugging_face(_SIZES).save_pretrained(snapshot)
    if main:
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs" / "main").write_text(revision)
    return snapshot


def test_the_main_branch_is_found(cli: Cli, cache: Path) -> None:
    _put(cache, "me/my-gpt", "old", main=False)
    main = _put(cache, "me/my-gpt", "new")
    assert hub.find_weights("me/my-gpt") == main
    report = cli("checkpoint", "me/my-gpt", "--json").json
    assert report["config"]["name"] == "my-gpt"
    assert report["layout"] == "huggingface"


def test_old_names_lead_to_where_the_models_are_now(cache: Path) -> None:
    assert hub.find_weights(str(_put(cache, "openai-community/gpt2"))).name == "abc"
    assert hub.find_weights("gpt2") == cache / "models--openai-community--gpt2" / "snapshots" / "abc"


def test_a_path_comes_first(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _put(cache, "gpt2")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gpt2").mkdir()
    assert hub.find_weights("gpt2") == Path("gpt2")


def test_without_the_client_the_error_says_how_to_get_the_file(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "find_spec", lambda _name: None)
    with pytest.raises(GptcliError, match=r"fetch model\.safetensors and config\.json") as caught:
        hub.find_weights("gpt2")
    # Into the environment that runs, and of a package that every index has; gptcli itself is on none.
    assert f"'{quote(sys.executable)} -m pip install huggingface_hub' lets gptcli fetch it" in str(caught.value)


@pytest.mark.skipif(importlib.util.find_spec("huggingface_hub") is None, reason="needs the [hub] extra")
def test_a_download_that_fails_says_so(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def fail(*_: object, **__: object) -> str:
        raise ConnectionError("no route\nmore")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(
        GptcliError, match=r"the connection to the Hub failed: no route; try again later, or fetch model\.safetensors"
    ):
        hub.find_weights("gpt2")


@pytest.mark.skipif(importlib.util.find_spec("huggingface_hub") is None, reason="needs the [hub] extra")
def test_a_download_asks_for_safetensors_first(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked: list[tuple[str, list[str]]] = []

    def fetch(repository: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        assert revision is None
        asked.append((repository, allow_patterns))
        return str(_put(cache, repository))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    assert hub.find_weights("gpt2-xl").name == "abc"
    assert [repository for repository, _ in asked] == ["openai-community/gpt2-xl"]
    assert "*.safetensors" in asked[0][1]


@pytest.mark.parametrize("name", ["gpt2", "GPT2", "gpt2-small", "124M", "openai-community/gpt2"])
def test_openai_s_model_is_found_by_any_of_its_names(cache: Path, name: str) -> None:
    snapshot = _put(cache, "openai-community/gpt2")
    assert hub.find_weights(name) == snapshot


_PATHS = ["", "no/such/path", "./gpt2", "../gpt2", "/gpt2", "~/gpt2", "gpt2/", "folder\\gpt2"]
_NO_NAMES = ["a b", "-", "--", "-gpt", "gpt-", "a--b", "a..b", "me/-gpt", "me-/gpt", "me/gpt.git", "mé/gpt"]
_FILES = ["README.md", "model.pt", "me/model.pth", "model.GGUF", "a.json", "a.yaml", "a.npz", "a.h5", "a.7z", "gpt.py"]


@pytest.mark.parametrize("name", [*_PATHS, *_FILES, *_NO_NAMES, "x" * 300, "\0"])
def test_what_is_no_name_is_not_looked_up(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)

    def look_up(*_: object) -> None:
        raise AssertionError(name)

    monkeypatch.setattr(hub, "_cached", look_up)
    monkeypatch.setattr(hub, "_downloaded", look_up)
    with pytest.raises(InputError, match="no such file or directory") as caught:
        hub.find_weights(name)
    assert ("no name of a model" in str(caught.value)) is (name not in (*_PATHS, *_FILES))


@pytest.mark.parametrize("name", ["EleutherAI/gpt-neo-1.3B", "gpt2.v2", "me/my_model-0.5"])
def test_a_point_makes_no_file_of_a_name(cache: Path, name: str) -> None:
    assert hub.find_weights(str(_put(cache, name))).name == "abc"
    assert hub.find_weights(name) == cache / f"models--{name.replace('/', '--')}" / "snapshots" / "abc"


def test_a_missing_path_is_answered_with_what_lies_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.pth").touch()
    for name in ("modle.pth", "./modle.pth", str(tmp_path / "modle.pth")):
        with pytest.raises(InputError, match=r"modle.pth: no such file or directory \(did you mean 'model.pth'\?\)$"):
            hub.find_weights(name)
    with pytest.raises(InputError, match=r"^~/model.pth: .*write \$HOME instead$"):
        hub.find_weights("~/model.pth")


def test_a_checkpoint_that_lies_there_is_offered_before_a_download(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "_snapshot", lambda *_: pytest.fail("a download"))
    (tmp_path / "model.pth").touch()
    (tmp_path / "a.safetensors").touch()
    for name, near in {
        "model.pht": "model.pth",
        "model": "model.pth",
        "modle": "model.pth",
        "a": "a.safetensors",
    }.items():
        with pytest.raises(
            InputError, match=rf"^{name}: no such file or directory \(did you mean '{near}'\?\); a model"
        ):
            hub.find_weights(name)


def test_names_with_an_owner_and_openai_s_are_looked_up_whatever_lies_there(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(client, "find_spec", lambda _name: None)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "model.pth").touch()
    (tmp_path / "gpt2.pth").touch()
    for name, near in {"runs/model": "model.pth", "gpt2": "gpt2.pth"}.items():
        with pytest.raises(
            GptcliError, match=rf"{name}: no such file or directory \(did you mean '{near}'\?\), and not in"
        ):
            hub.find_weights(name)


def test_standard_input_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"^-: .*; a checkpoint is not read from standard input$"):
        hub.find_weights("-")
