"""``-c owner/name``: the config.json of a model of the Hub, and nothing else of it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from gptcli.config import load_config
from gptcli.config.input_text import MAX_BYTES
from gptcli.errors import GptcliError, InputError, InputProblemsError
from tests.conftest import Cli, gptcli_process
from tests.hub.server import COMMIT, Handler, Hub

_SIZES = {"n_embd": 64, "n_head": 4, "n_layer": 2, "n_positions": 32, "vocab_size": 100}
_CONFIG = json.dumps({"model_type": "gpt2", **_SIZES}, indent=1).encode()


def _put(hub_cache: Path, model: str = "me/my-gpt", content: bytes = _CONFIG) -> Path:
    folder = hub_cache / f"models--{model.replace('/', '--')}"
    path = folder / "snapshots" / COMMIT / "config.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    return path


@pytest.mark.usefixtures("no_network")
class TestCached:
    @pytest.mark.parametrize("name", ["me/my-gpt", "me/my-gpt@main", f"me/my-gpt@{COMMIT}", "hf://me/my-gpt"])
    def test_it_is_read_and_origins_name_the_model(self, hub_cache: Path, name: str) -> None:
        _put(hub_cache)
        resolved = load_config(name, environ={})
        assert (resolved.config.name, resolved.config.emb_dim, resolved.config.n_layers) == ("my-gpt", 64, 2)
        assert resolved.sources["emb_dim"] == f"Hub {name.removeprefix('hf://')}, line 3"
        assert resolved.sources["n_layers"] == f"Hub {name.removeprefix('hf://')}, line 5"

    def test_a_name_without_an_owner(self, hub_cache: Path) -> None:
        _put(hub_cache, "distilgpt2")
        assert load_config("distilgpt2", environ={}).config.name == "distilgpt2"

    def test_a_path_and_a_preset_come_first(
        self, hub_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _put(hub_cache), _put(hub_cache, "openai-community/gpt2"), _put(hub_cache, "tiny")
        monkeypatch.chdir(tmp_path)
        (tmp_path / "me" / "my-gpt").mkdir(parents=True)
        (tmp_path / "me" / "my-gpt" / "config.json").write_bytes(_CONFIG.replace(b"64", b"32"))
        assert load_config("me/my-gpt", environ={}).sources["emb_dim"] == "me/my-gpt/config.json:3"
        for name in ("openai-community/gpt2", "tiny"):
            assert load_config(name, environ={}).sources["emb_dim"].startswith("preset ")

    def test_what_is_wrong_with_it_names_the_model(self, hub_cache: Path) -> None:
        _put(hub_cache, content=_CONFIG.replace(b"64", b"65"))
        with pytest.raises(InputProblemsError, match="Hub me/my-gpt, line 4: n_embd 65 is not divisible"):
            load_config("me/my-gpt", environ={})

    def test_one_that_cannot_be_read(self, hub_cache: Path) -> None:
        _put(hub_cache).write_bytes(b"\xff")
        with pytest.raises(InputError, match="Hub me/my-gpt"):
            load_config("me/my-gpt", environ={})

    def test_an_output_does_not_replace_it(self, cli: Cli, hub_cache: Path) -> None:
        path = _put(hub_cache)
        (path.parent / "x.svg").symlink_to(path)
        outcome = cli("flow", "-c", "me/my-gpt", "-o", str(path.parent / "x.svg"))
        assert (outcome.code, path.read_bytes()) == (2, _CONFIG)
        assert "is read by this command" in outcome.err


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", ["gpt2-mdeium", "nothing", "no/such/path", "me/config.json", "./me/my-gpt", "a b"])
def test_what_has_no_owner_never_asks_the_network(hub_cache: Path, name: str) -> None:
    with pytest.raises(InputError, match="no such preset or file"):
        load_config(name, environ={})


def test_the_client_is_imported_for_names_with_an_owner_alone(hub_cache: Path) -> None:
    _put(hub_cache)
    code = "import sys; from gptcli.cli import run; run(sys.argv[1:]); print('huggingface_hub' in sys.modules)"
    for arguments in (["params", "-c", "tiny"], ["params", "-c", "me/my-gpt"], ["params", "-c", "gpt2-mdeium"]):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "False"


class TestFetched:
    def test_the_config_alone_and_once(self, hub: Hub) -> None:
        hub.put("me/my-gpt", config__json=_CONFIG, model__safetensors=b"x" * 1000)
        for _ in range(2):
            assert load_config("me/my-gpt", environ={}).config.name == "my-gpt"
        assert [name for name in hub.names("GET") if "/api/" not in name] == ["config.json"]

    def test_another_revision(self, hub: Hub, hub_cache: Path) -> None:
        hub.put("me/my-gpt", config__json=_CONFIG)
        hub.revisions["refs/pr/1"] = "b" * 40
        assert load_config("me/my-gpt@refs/pr/1", environ={}).sources["n_heads"] == "Hub me/my-gpt@refs/pr/1, line 4"
        assert [path.name for path in (hub_cache / "models--me--my-gpt" / "snapshots").iterdir()] == ["b" * 40]

    @pytest.mark.parametrize(
        ("fault", "code", "told"),
        [
            (
                lambda h: h.refuse(401, "RepoNotFound"),
                2,
                "the Hub has no me/x, or it is private; look it up at .*/me/x;",
            ),
            (lambda h: h.refuse(401), 2, "or it is private"),
            (lambda h: h.refuse(404), 2, "the Hub has no config.json of me/x; look it up at "),
            (
                lambda h: h.refuse(404, "EntryNotFound"),
                2,
                "the Hub has no config.json for me/x; .*/me/x lists its files",
            ),
            (lambda h: h.refuse(404, "RevisionNotFound"), 2, "me/x has no revision main"),
            (
                lambda h: h.refuse(403, "GatedRepo"),
                2,
                "me/x is gated; ask for access at .*, then run 'hf auth login', or",
            ),
            (lambda h: h.refuse(403), 2, "the Hub refuses access to me/x"),
            (lambda h: h.refuse(429), 1, "too many requests"),
            (lambda h: h.refuse(500), 1, "answers with status 500; try again later, or fetch .*/config.json yourself"),
            (lambda h: h.hang_up(), 1, "the connection to the Hub failed: "),
            (lambda h: h.head(200, MAX_BYTES + 1, ETag='"a"', X_Repo_Commit=COMMIT), 1, "are the most that are read"),
        ],
    )
    def test_faults(self, hub: Hub, fault: Callable[[Handler], None], code: int, told: str) -> None:
        hub.put("me/x", config__json=_CONFIG)
        hub.faults["config.json"] = fault
        with pytest.raises(GptcliError, match=rf"^me/x: no such preset or file, and not in .*; .*{told}") as caught:
            load_config("me/x", environ={})
        assert caught.value.exit_code == code
        assert "\n" not in str(caught.value)

    def test_a_model_that_answers_late(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        waiting = Event()
        monkeypatch.setattr("gptcli.hub.client.TIMEOUT", 0.05)
        hub.faults["config.json"] = lambda _handler: waiting.wait(10) and None
        try:
            with pytest.raises(
                GptcliError, match=r"the connection to the Hub failed: .*timed out.*; try again later, or"
            ):
                load_config("me/x", environ={})
        finally:
            waiting.set()

    def test_offline(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        with pytest.raises(InputError, match=r"HF_HUB_OFFLINE is set; 'unset HF_HUB_OFFLINE' lets gptcli fetch it, or"):
            load_config("me/x", environ={})
        assert hub.asked == []

    def test_without_the_client(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("gptcli.hub.client.find_spec", lambda _name: None)
        with pytest.raises(InputError, match=r"huggingface_hub is not installed; '.* -m pip install huggingface_hub'"):
            load_config("me/x", environ={})

    @pytest.mark.parametrize("command", ["params", "memory", "flops", "flow"])
    def test_every_command(self, hub: Hub, cli: Cli, command: str) -> None:
        hub.put("me/my-gpt", config__json=_CONFIG)
        outcome = cli(command, "-c", "me/my-gpt", "--json")
        assert (outcome.code, outcome.json["config"]["name"], outcome.err) == (0, "my-gpt", "")

    def test_a_process_of_its_own_runs_it_with_random_weights(self, hub: Hub) -> None:
        hub.put("me/my-gpt", config__json=_CONFIG.replace(b"100", b"50257"))
        done = gptcli_process("forward", "-c", "me/my-gpt", "Hi", "--json", "--device", "cpu")
        assert (done.returncode, json.loads(done.stdout)["logits"]["shape"]) == (0, [1, 1, 50257])
