"""The cache of the Hub's client, read without it."""

import os
from pathlib import Path

import pytest

from gptcli.hub import HubName, cache_directory, snapshots
from gptcli.hub.cache import cached_file


def _put(hub_cache: Path, commit: str, *files: str, refs: tuple[str, ...] = (), seconds: int = 0) -> Path:
    folder = hub_cache / "models--me--gpt"
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True)
    for file in files:
        (snapshot / file).write_text(commit)
    for ref in refs:
        (folder / "refs" / ref).parent.mkdir(parents=True, exist_ok=True)
        (folder / "refs" / ref).write_text(f"{commit}\n")
    os.utime(snapshot, (seconds, seconds))
    return snapshot


def test_main_comes_first_and_then_the_latest(hub_cache: Path) -> None:
    main = _put(hub_cache, "aaa", refs=("main",), seconds=1)
    old = _put(hub_cache, "bbb", "config.json", seconds=2)
    new = _put(hub_cache, "ccc", "config.json", seconds=3)
    assert list(dict.fromkeys(snapshots(HubName("me/gpt")))) == [main, new, old]
    assert cached_file(HubName("me/gpt"), "config.json") == new / "config.json"


def test_a_revision_is_a_ref_or_a_commit_and_nothing_else_stands_for_it(hub_cache: Path) -> None:
    _put(hub_cache, "aaa", "config.json", refs=("main",))
    tagged = _put(hub_cache, "bbb", "config.json", refs=("v1", "refs/pr/1"))
    for revision in ("v1", "refs/pr/1", "bbb"):
        assert snapshots(HubName("me/gpt", revision)) == [tagged]
    assert snapshots(HubName("me/gpt", "v2")) == []


@pytest.mark.parametrize("ref", ["", "../../../outside", "/etc", "aaa/.."])
def test_a_ref_that_names_no_commit_leads_nowhere(hub_cache: Path, ref: str) -> None:
    snapshot = _put(hub_cache, "aaa", "config.json", refs=("main",))
    (hub_cache / "models--me--gpt" / "refs" / "main").write_text(ref)
    assert snapshots(HubName("me/gpt")) == [snapshot]
    assert snapshots(HubName("me/gpt", "main")) == []


def test_nothing_is_cached(hub_cache: Path) -> None:
    assert snapshots(HubName("me/gpt")) == []
    assert cached_file(HubName("me/gpt"), "config.json") is None
    hub_cache.parent.mkdir(parents=True)
    hub_cache.write_text("a file where the cache should be")
    assert snapshots(HubName("me/gpt")) == []


def test_the_client_s_variables_say_where_it_is(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_directory() == hub_cache
    monkeypatch.setenv("HUGGINGFACE_HUB_CACHE", "/b")
    assert cache_directory() == Path("/b")
    monkeypatch.setenv("HF_HUB_CACHE", "/a")
    assert cache_directory() == Path("/a")
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME"):
        monkeypatch.delenv(variable)
    monkeypatch.setenv("XDG_CACHE_HOME", "/c")
    assert cache_directory() == Path("/c/huggingface/hub")
