"""``checkpoint owner/name``: headers at the Hub are judged as those of files are, and weights are never fetched."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints import peers
from tests.conftest import Cli
from tests.hub.server import COMMIT, Hub

_WHOLE, _INDEX = "model.safetensors", "model.safetensors.index.json"
_ONLY_HERE = {"path", "files", "config_source", "read_bytes", "headers_only", "config"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    peers.hugging_face(peers.SHAPES[0]).save_pretrained(tmp_path / "whole")
    return tmp_path / "whole"


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    peers.hugging_face(peers.SHAPES[0]).save_pretrained(tmp_path / "shards", max_shard_size="100KB")
    return tmp_path / "shards"


def _serve(hub: Hub, folder: Path, model: str = "me/my-gpt") -> None:
    hub.files |= {(model, path.name): path.read_bytes() for path in folder.iterdir()}


def _header_bytes(folder: Path) -> int:
    return sum(8 + int.from_bytes(path.read_bytes()[:8], "little") for path in folder.glob("*.safetensors"))


def _sent_of_weights(hub: Hub) -> int:
    ranges = [each.range for each in hub.asked if each.file.endswith(".safetensors") and each.range]
    return sum(int(stop) - int(start) + 1 for each in ranges for start, stop in [re.findall(r"\d+", each)])


@pytest.mark.parametrize("made", ["folder", "shards"])
def test_all_that_headers_say_and_no_more_is_read(
    hub: Hub, cli: Cli, made: str, request: pytest.FixtureRequest
) -> None:
    here: Path = request.getfixturevalue(made)
    _serve(hub, here)
    there, local = cli("checkpoint", "me/my-gpt", "--json").json, cli("checkpoint", str(here), "--json").json
    assert {key: there[key] for key in there.keys() - _ONLY_HERE} == {
        key: local[key] for key in local.keys() - _ONLY_HERE
    }
    assert (there["headers_only"], there["read_bytes"], local["headers_only"]) == (True, 0, False)
    assert there["config"] == {**local["config"], "name": "my-gpt"}
    assert (there["path"], there["config_source"]) == ("me/my-gpt", "me/my-gpt/config.json")
    assert there["files"] == [f"me/my-gpt/{path.name}" for path in sorted(here.glob("*.safetensors"))]
    wanted = _header_bytes(here) + (8 if made == "shards" else 0)  # model.safetensors was asked for and is not there
    assert _sent_of_weights(hub) == wanted


def test_the_screen_says_what_was_left_out(hub: Hub, cli: Cli, folder: Path) -> None:
    _serve(hub, folder)
    outcome = cli("checkpoint", "me/my-gpt@main")
    assert outcome.code == 0
    assert "checkpoint     me/my-gpt@main  (safetensors)\n" in outcome.out
    assert "Only headers were read, at the Hub: what the numbers hold was not looked at.\n" in outcome.out
    assert "--stats" not in outcome.out
    assert outcome.err == ""


def test_everything_is_of_the_revision_that_the_config_is_of(hub: Hub, cli: Cli, shards: Path) -> None:
    _serve(hub, shards)
    hub.revisions = {"v1": "b" * 40, "b" * 40: "b" * 40}
    assert cli("checkpoint", "me/my-gpt@v1").code == 0
    assert {each.revision for each in hub.asked if each.file.startswith("model")} == {"b" * 40}


def test_a_cache_that_holds_the_weights_is_read(hub: Hub, hub_cache: Path, cli: Cli) -> None:
    snapshot = hub_cache / "models--me--my-gpt" / "snapshots" / COMMIT
    peers.hugging_face(peers.SHAPES[0]).save_pretrained(snapshot)
    report = cli("checkpoint", "me/my-gpt", "--json").json
    assert (report["headers_only"], report["path"], hub.asked) == (False, str(snapshot), [])


def test_a_config_in_the_cache_does_not_stand_for_weights(hub: Hub, hub_cache: Path, cli: Cli, folder: Path) -> None:
    _serve(hub, folder)
    assert cli("params", "-c", "me/my-gpt").code == 0
    assert [path.name for path in hub_cache.rglob("snapshots/*/*")] == ["config.json"]
    assert cli("checkpoint", "me/my-gpt", "--json").json["headers_only"] is True


def test_without_a_config_it_is_read_off_the_shapes(hub: Hub, cli: Cli, folder: Path) -> None:
    (folder / "config.json").unlink()
    _serve(hub, folder)
    report = cli("checkpoint", "me/my-gpt", "--json").json
    assert (report["config_source"], report["config"]["weight_tying"]) == ("shapes", True)
    assert report["config"]["name"] == "my-gpt"


def test_a_stored_head_counts_as_one_of_its_own(hub: Hub, cli: Cli, tmp_path: Path) -> None:
    peers.hugging_face(peers.SHAPES[0], tied=False).save_pretrained(tmp_path / "untied")
    (tmp_path / "untied" / "config.json").unlink()
    _serve(hub, tmp_path / "untied")
    assert cli("checkpoint", "me/my-gpt", "--json").json["config"]["weight_tying"] is False


def test_findings_from_names_and_shapes(hub: Hub, cli: Cli, folder: Path) -> None:
    _serve(hub, folder)
    hub.files["me/my-gpt", "config.json"] = (
        (folder / "config.json").read_bytes().replace(b'"vocab_size": 97', b'"vocab_size": 98')
    )
    outcome = cli("checkpoint", "me/my-gpt", "--json")
    findings = [finding for finding in outcome.json["findings"] if finding["severity"] == "error"]
    assert outcome.code == 1
    assert [finding["path"] for finding in findings] == ["transformer.wte.weight"]


def test_a_server_that_knows_no_ranges(hub: Hub, cli: Cli, folder: Path) -> None:
    _serve(hub, folder)
    content = hub.files["me/my-gpt", _WHOLE]
    padded = content + bytes(2**26)
    hub.faults[_WHOLE] = lambda handler: handler.serve(padded, ranges=False)
    report = cli("checkpoint", "me/my-gpt", "--json").json
    assert report["total_bytes"] == len(padded)
    assert hub.sent < len(padded) // 2


def _with_header(entries: dict[str, Any], data: int = 0, *, length: int | None = None) -> bytes:
    raw = json.dumps(entries).encode()
    return (len(raw) if length is None else length).to_bytes(8, "little") + raw + bytes(data)


_ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("content", "kind", "told"),
    [
        (b"", "truncated", "0 bytes, too short"),
        (b"abc", "truncated", "3 bytes, too short"),
        (_with_header({}, length=2**40), "bad-header", "over the format's limit"),
        (_with_header({}, length=1000), "bad-header", "the header claims 1,000 bytes, the file has 10 in all"),
        (_with_header({}, length=0), "bad-header", "not valid JSON"),
        (b"\x02" + bytes(7) + b"[]", "bad-header", "not a JSON object"),
        (_with_header({"a": _ENTRY}), "truncated", "the header describes"),
        (_with_header({"a": {**_ENTRY, "shape": [3]}}, 8), "bad-header", r"takes 12 bytes, the offsets give 8"),
        (_with_header({"a": _ENTRY}, 8), "no-layout", "its tensors are a"),
    ],
    ids=range(9),
)
def test_headers_that_lie(hub: Hub, cli: Cli, content: bytes, kind: str, told: str) -> None:
    hub.put("me/my-gpt", model__safetensors=content)
    outcome = cli("checkpoint", "me/my-gpt", "--json")
    assert outcome.code == 1
    assert any(told in finding["message"] for finding in outcome.json["findings"] if finding["kind"] == kind)


@pytest.mark.parametrize(
    ("index", "told"),
    [
        (b"[]", "is not a JSON object"),
        (b'{"weight_map": 1}', "has no weight_map"),
        (b'{"weight_map": {"a": "../../secret"}}', "names a file outside its directory"),
        (b'{"weight_map": {"a": "gone.safetensors"}}', "none of its 1 shards is there"),
        (b'{"weight_map": {}}', "none of its 0 shards is there"),
    ],
)
def test_an_index_that_cannot_be(hub: Hub, cli: Cli, index: bytes, told: str) -> None:
    hub.files["me/my-gpt", _INDEX] = index
    outcome = cli("checkpoint", "me/my-gpt", "--json")
    assert outcome.code == 1
    assert told in outcome.json["findings"][0]["message"]


def test_a_shard_that_is_missing_is_a_finding(hub: Hub, cli: Cli, shards: Path) -> None:
    _serve(hub, shards)
    del hub.files["me/my-gpt", "model-00002-of-00006.safetensors"]
    outcome = cli("checkpoint", "me/my-gpt", "--json")
    found = {(finding["kind"], finding["path"]) for finding in outcome.json["findings"]}
    assert outcome.code == 1
    assert ("missing-shard", "me/my-gpt/model-00002-of-00006.safetensors") in found


def test_a_file_that_changes_meanwhile(hub: Hub, cli: Cli, folder: Path) -> None:
    _serve(hub, folder)
    content = hub.files["me/my-gpt", _WHOLE]
    versions = [content, content + b"x"]
    hub.faults[_WHOLE] = lambda handler: handler.serve(versions.pop(0))
    outcome = cli("checkpoint", "me/my-gpt")
    assert (outcome.code, outcome.out) == (1, "")
    assert "model.safetensors of me/my-gpt changed while it was read; try again" in outcome.err


@pytest.mark.parametrize(
    ("file", "status", "code", "told"),
    [
        ("config.json", 401, 2, "or it is private"),
        ("config.json", 500, 1, "status 500; try again later, or fetch model.safetensors and config.json of me/my-gpt"),
        (_WHOLE, 500, 1, "status 500"),
        (_WHOLE, 403, 2, "the Hub refuses access to me/my-gpt"),
    ],
)
def test_what_the_hub_refuses(hub: Hub, cli: Cli, folder: Path, file: str, status: int, code: int, told: str) -> None:
    _serve(hub, folder)
    hub.faults[file] = lambda handler: handler.refuse(status)
    outcome = cli("checkpoint", "me/my-gpt")
    assert (outcome.code, outcome.out) == (code, "")
    assert told in outcome.err.replace("\n", " ")


def test_other_formats_are_named_with_the_command_that_fetches_them(hub: Hub, cli: Cli) -> None:
    hub.put("me/old", pytorch_model__bin=b"PK")
    outcome = cli("checkpoint", "me/old")
    assert outcome.code == 2
    assert "hf download me/old' fetches the files it has" in outcome.err.replace("\n", " ")


@pytest.mark.parametrize("option", [["--stats"], ["--against", "me/other"]])
def test_what_needs_numbers_is_refused_before_anything_is_fetched(hub: Hub, cli: Cli, option: list[str]) -> None:
    outcome = cli("checkpoint", "me/my-gpt@v1", *option)
    assert outcome.code == 2
    assert "hf download me/my-gpt --revision v1' fetches them, or leave out " + option[0] in outcome.err.replace(
        "\n", " "
    )
    assert hub.asked == []
