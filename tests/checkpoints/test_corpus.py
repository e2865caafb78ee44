"""Broken checkpoints: each is diagnosed by name, none crashes, none executes."""

import io
import json
import os
import pickle
import pickletools
import struct
import subprocess
import sys
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from tests.checkpoints import peers
from tests.conftest import Cli

SIZES = peers.SHAPES[1]
BLOCK = "transformer.h.1"
State = dict[str, torch.Tensor]
pytestmark = pytest.mark.filterwarnings("ignore")


class Payload:
    """Touches a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "gpt"
    peers.hugging_face(SIZES).save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "gpt"
    copy.mkdir()
    for file in saved.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


def _edit(folder: Path, change: Callable[[State], object]) -> None:
    file = folder / "model.safetensors"
    state = load_file(file)
    change(state)
    save_file({name: value.contiguous() for name, value in state.items()}, file)


def _set(name: str, value: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[State], object]:
    return lambda state: state.__setitem__(name, value(state[name]))


def _drop(*prefixes: str) -> Callable[[State], object]:
    return lambda state: [state.pop(name) for name in list(state) if name.startswith(prefixes)]


def _poke(name: str, value: float) -> Callable[[State], object]:
    return lambda state: state[name].view(-1).__setitem__(5, value)


def _swap_query_and_key(state: State) -> None:
    for name in (f"{BLOCK}.attn.c_attn.weight", f"{BLOCK}.attn.c_attn.bias"):
        q, k, v = state[name].chunk(3, dim=-1)
        state[name] = torch.cat([k, q, v], dim=-1)


def _turn_all(state: State) -> None:
    for name in list(state):
        if name.endswith(("c_attn.weight", "c_fc.weight", "c_proj.weight")):
            state[name] = state[name].t().contiguous()


def _pad(state: State) -> None:
    state["transformer.wte.weight"] = torch.nn.functional.pad(state["transformer.wte.weight"], (0, 0, 0, 4))


def _norms_as_initialised(state: State) -> None:
    for name in state:
        if ".ln_" in name:
            state[name].fill_(float(name.endswith("weight")))


# What is done to the tensors -> the kind of the finding, its severity, the tensor it names, words of its message.
TENSORS: dict[str, tuple[Callable[[State], object], str, str, str, str]] = {
    "one matrix transposed": (
        _set(f"{BLOCK}.mlp.c_fc.weight", torch.t), "transposed", "error", f"{BLOCK}.mlp.c_fc.weight", "Conv1D"),
    "all matrices transposed": (
        _turn_all, "transposed", "error", "transformer.h.0.attn.c_attn.weight", "transposed"),
    "a layer is missing": (_drop(f"{BLOCK}."), "missing", "error", BLOCK, "block 1 of 3 is missing"),
    "a tensor is missing": (
        _drop("transformer.ln_f.bias"), "missing", "error", "transformer.ln_f.bias", "missing"),
    "the token embedding is missing": (
        _drop("transformer.wte"), "missing", "error", "transformer.wte.weight", "missing"),
    "a tensor too many": (
        lambda s: s.__setitem__("value_head.weight", torch.ones(3)),
        "unexpected", "warning", "value_head.weight", "unexpected"),
    "a block too many": (
        lambda s: s.__setitem__("transformer.h.7.ln_1.bias", torch.zeros(48)),
        "unexpected", "error", "transformer.h.7.ln_1.bias", "blocks 0 to 2"),
    "a misshaped tensor": (
        _set("transformer.wpe.weight", lambda t: t[:10]), "misshaped", "error", "transformer.wpe.weight", "[10, 48]"),
    "query and key swapped": (
        _swap_query_and_key, "swapped", "warning", f"{BLOCK}.attn.c_attn.bias", "query and key look swapped"),
    "NaN": (_poke(f"{BLOCK}.mlp.c_proj.weight", float("nan")), "nan", "error", f"{BLOCK}.mlp.c_proj.weight", "[0, 5]"),
    "infinity": (_poke("transformer.wte.weight", -float("inf")), "inf", "error", "transformer.wte.weight", "Inf: 1 of"),
    "all zero": (
        _set(f"{BLOCK}.attn.c_proj.weight", torch.zeros_like),
        "all-zero", "warning", f"{BLOCK}.attn.c_proj.weight", "all-zero"),
    "constant": (
        _set(f"{BLOCK}.attn.c_proj.weight", lambda t: torch.full_like(t, 0.5)),
        "constant", "warning", f"{BLOCK}.attn.c_proj.weight", "every number is 0.5"),
    "padded vocabulary": (_pad, "vocabulary", "error", "transformer.wte.weight", "padded to a multiple of 64"),
    "untrained": (_norms_as_initialised, "untrained", "warning", "transformer.h.0.ln_1.bias", "no training step"),
    "one norm untrained": (
        _set(f"{BLOCK}.ln_2.weight", torch.ones_like),
        "untrained", "warning", f"{BLOCK}.ln_2.weight", "other norms"),
    "a block copied": (
        lambda s: s.__setitem__(f"{BLOCK}.mlp.c_fc.weight", s["transformer.h.0.mlp.c_fc.weight"].clone()),
        "repeated", "warning", f"{BLOCK}.mlp.c_fc.weight", "transformer.h.0.mlp.c_fc.weight"),
    "dtypes mixed": (
        _set(f"{BLOCK}.ln_1.bias", torch.Tensor.half), "mixed-dtypes", "warning", f"{BLOCK}.ln_1.bias", "1 in fp16"),
    "quantised": (
        _set(f"{BLOCK}.mlp.c_fc.weight", lambda t: (t * 100).to(torch.int8)),
        "dtype", "error", f"{BLOCK}.mlp.c_fc.weight", "I8"),
    "a head equal but copied": (
        lambda s: s.__setitem__("lm_head.weight", s["transformer.wte.weight"].clone()),
        "copied-head", "note", "lm_head.weight", "equal but copied"),
    "a head that contradicts the config": (
        lambda s: s.__setitem__("lm_head.weight", s["transformer.wte.weight"] + 1),
        "untied-head", "warning", "lm_head.weight", "contradicts"),
    "no head": (_drop("lm_head"), "tied-head", "note", "lm_head.weight", "absent"),
    "mask buffers": (
        lambda s: s.__setitem__("transformer.h.0.attn.bias", torch.ones(1, 1, 24, 24)),
        "mask-buffers", "note", "transformer.h.0.attn.bias", "2,304 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("mutation", TENSORS)
def test_tensors(cli: Cli, folder: Path, mutation: str) -> None:
    change, kind, severity, path, words = TENSORS[mutation]
    _edit(folder, change)
    _assert_found(cli, folder, kind, severity, path, words)


def test_a_whole_checkpoint_has_no_findings_but_its_tied_head(cli: Cli, folder: Path) -> None:
    report = cli("checkpoint", str(folder), "--json").json
    assert report["ok"]
    assert [finding["kind"] for finding in report["findings"]] == ["tied-head"]


def _assert_found(cli: Cli, path: Path, kind: str, severity: str, tensor: str, words: str) -> None:
    outcome = cli("checkpoint", str(path), "--json")
    report = json.loads(outcome.out)
    found = [finding for finding in report["findings"] if finding["kind"] == kind]
    assert found, report["findings"]
    assert found[0]["severity"] == severity
    assert tensor in found[0]["path"]
    assert any(words in finding["message"] for finding in found), found
    assert outcome.code == (0 if report["ok"] else 1)
    assert report["ok"] == all(finding["severity"] != "error" for finding in report["findings"])
    screen = cli("checkpoint", str(path))
    assert screen.code == outcome.code
    assert "Traceback" not in screen.out + screen.err
    if severity == "error" and kind not in ("nan", "inf"):  # such weights run, and give what they give
        assert cli("forward", "--weights", str(path), "!").code == 2


def _header(file: Path) -> tuple[dict[str, Any], bytes]:
    data = file.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def _with_header(file: Path, header: dict[str, Any] | bytes, rest: bytes, *, length: int | None = None) -> None:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(raw) if length is None else length) + raw + rest)


def _change_entry(file: Path, **entry: object) -> None:
    header, rest = _header(file)
    header["transformer.ln_f.bias"] |= entry
    _with_header(file, header, rest)


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1000])


def _cut_in_the_header(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:200])


def _overlap(file: Path) -> None:
    header, rest = _header(file)
    start = header["transformer.ln_f.weight"]["data_offsets"][0]
    header["transformer.ln_f.bias"]["data_offsets"] = [start, start + 192]
    _with_header(file, header, rest)


# What is done to the file -> the kind of the finding, words of its message.
FILES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "truncated": (_truncate, "truncated", "truncated"),
    "cut in its header": (_cut_in_the_header, "bad-header", "truncated"),
    "header length lies": (lambda f: _with_header(f, *_header(f), length=10**12), "bad-header", "header lies"),
    "header length lies a little": (lambda f: _with_header(f, *_header(f), length=99), "bad-header", "not valid JSON"),
    "header shape lies": (lambda f: _change_entry(f, shape=[4800]), "bad-header", "header lies"),
    "header shape overflows": (lambda f: _change_entry(f, shape=[2**62, 2**62]), "bad-header", "header lies"),
    "header shape is negative": (lambda f: _change_entry(f, shape=[-48]), "bad-header", "header lies"),
    "header shape is no number": (lambda f: _change_entry(f, shape=["x"]), "bad-header", "malformed"),
    "header dtype is unknown": (lambda f: _change_entry(f, dtype="F31"), "bad-header", "unknown dtype 'F31'"),
    "tensors overlap": (_overlap, "bad-header", "overlap"),
    "bytes after the end": (lambda f: f.write_bytes(f.read_bytes() + b"x" * 9), "bad-header", "9 bytes after"),
    "header is a list": (lambda f: _with_header(f, b"{[]}", b""), "bad-header", "not valid JSON"),
    "header is deep": (lambda f: _with_header(f, b'{"a":' * 100_000, b""), "bad-header", "not valid JSON"),
    "empty": (lambda f: f.write_bytes(b""), "not-a-checkpoint", "empty"),
    "a text": (lambda f: f.write_text("import torch\n" * 99), "not-a-checkpoint", "no safetensors header"),
    "a Git LFS pointer": (
        lambda f: f.write_text("version https://git-lfs.github.com/spec/v1\n"), "not-a-checkpoint", "Git LFS"),
    "a web page": (lambda f: f.write_text("<!DOCTYPE html><html>"), "not-a-checkpoint", "web page"),
    "GGUF": (lambda f: f.write_bytes(b"GGUF" + b"\0" * 99), "bad-header", "GGUF version 0"),
    "noise": (lambda f: f.write_bytes(bytes(range(255, 0, -1))), "not-a-checkpoint", "is not a checkpoint"),
    "another network": (
        lambda f: save_file({"model.layers.0.self_attn.q_proj.weight": torch.ones(4, 4)}, f),
        "no-layout", "not a layout that is known"),
    "no tensors": (lambda f: save_file({}, f), "no-layout", "holds no tensors"),
}  # fmt: skip


def _with_a_gap(file: Path) -> None:
    """Move the data of all tensors by four bytes."""
    header, rest = _header(file)
    for name, entry in header.items():
        if name != "__metadata__":
            entry["data_offsets"] = [offset + 4 for offset in entry["data_offsets"]]
    _with_header(file, header, b"\0" * 4 + rest)


@pytest.mark.parametrize("change", [_with_a_gap, lambda file: file.write_bytes(file.read_bytes() + b"x")])
def test_bytes_that_the_library_refuses(
    cli: Cli, folder: Path, tmp_path: Path, change: Callable[[Path], object]
) -> None:
    file = folder / "model.safetensors"
    whole = {name: value.clone() for name, value in load_file(file).items()}  # it maps the file
    change(file)
    with pytest.raises(SafetensorError):
        load_file(file)
    outcome = cli("checkpoint", str(folder), "--json")
    found = next(finding for finding in outcome.json["findings"] if finding["kind"] == "bad-header")
    assert (outcome.code, found["severity"]) == (0, "warning")
    assert "the safetensors library and so transformers refuse it; 'gptcli checkpoint convert'" in found["message"]
    anew = tmp_path / "anew"
    assert cli("checkpoint", "convert", str(folder), str(anew), "--to", "huggingface").code == 0
    written = load_file(anew / "model.safetensors")
    assert all(torch.equal(value, whole[name]) for name, value in written.items() if name in whole)


@pytest.mark.parametrize("mutation", FILES)
def test_files(cli: Cli, folder: Path, mutation: str) -> None:
    change, kind, words = FILES[mutation]
    file = folder / "model.safetensors"
    change(file)
    report = json.loads(cli("checkpoint", str(folder), "--json").out)
    found = [finding for finding in report["findings"] if finding["kind"] == kind]
    assert any(words in finding["message"] for finding in found), report["findings"]
    if mutation != "bytes after the end":
        assert not report["ok"]
        assert cli("forward", "--weights", str(folder), "!").code == 2
    assert "Traceback" not in cli("checkpoint", str(folder)).err


def _zip_without_data(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("notes.txt", "nothing")


def _bomb(file: Path) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 50_000_000)


class Beyond:
    """A tensor of ten numbers whose view claims more."""

    def __init__(self, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> None:
        self.view = offset, size, stride

    def __reduce__(self) -> Any:
        storage = torch.ones(10)._typed_storage()
        return torch._utils._rebuild_tensor_v2, (storage, *self.view, False, OrderedDict())


def _rewrite(
    file: Path,
    change: Callable[[str, bytes], bytes] | None = None,
    *,
    twice: str = "",
    moved: str = "",
    method: int = zipfile.ZIP_STORED,
) -> None:
    """Save a state_dict, and write its archive anew with other storages, whose checksums are right."""
    buffer = io.BytesIO()
    torch.save(peers.lecture(SIZES).state_dict(), buffer)
    dropped = "archive/data/3" if (change, twice, moved, method) == (None, "", "", zipfile.ZIP_STORED) else None
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            storage = "/data/" in name
            if name != dropped:
                new.writestr(name, change(name, data) if change and storage else data, method if storage else None)
            if name == f"archive/{twice}":
                new.writestr(name, data)
        if moved:
            new.getinfo(f"archive/{moved}").header_offset = new.getinfo("archive/data/0").header_offset


def _patched(file: Path, entry: bytes) -> None:
    """Save a state_dict and change a bit in the middle of an entry."""
    torch.save(peers.lecture(SIZES).state_dict(), file)
    data = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        found = next(info for info in archive.infolist() if info.filename.encode().endswith(entry))
    names, extra = struct.unpack_from("<HH", data, found.header_offset + 26)
    data[found.header_offset + 30 + names + extra + found.file_size // 2] ^= 1
    file.write_bytes(data)


def _older(
    file: Path, *, keep: int | None = None, cut: int = 0, count: int | None = None, keys: list[str] | None = None
) -> None:
    """Save one tensor of a thousand numbers in the older format, and change what follows its pickle."""
    torch.save({"w": torch.ones(1000)}, file, _use_new_zipfile_serialization=False)
    data = file.read_bytes()
    if count is not None:
        data = data[:-4008] + count.to_bytes(8, "little") + data[-4000:]
    if keys is not None:
        buffer = io.BytesIO(data)
        for _ in range(3):
            pickle.load(buffer)  # noqa: S301  # made above
        end = buffer.tell()
        for _ in pickletools.genops(buffer):  # the content, which refers to its storage
            end = buffer.tell()
        data = data[:end] + pickle.dumps(keys, protocol=2)
    file.write_bytes(data[: len(data) - cut if keep is None else keep])


def _save_and_cut(file: Path, *, archive: bool) -> None:
    torch.save(peers.lecture(SIZES).state_dict(), file, _use_new_zipfile_serialization=archive)
    file.write_bytes(file.read_bytes()[:-3000] if archive else file.read_bytes()[:3000])


PICKLES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "hostile payload": (lambda f: torch.save({"w": Payload(f.parent / "ran")}, f), "unsafe-pickle", "system"),
    "hostile payload, plain pickle": (
        lambda f: f.write_bytes(pickle.dumps(Payload(f.parent / "ran"))), "unsafe-pickle", "system"),
    "hostile payload, old format": (
        lambda f: torch.save({"w": Payload(f.parent / "ran")}, f, _use_new_zipfile_serialization=False),
        "unsafe-pickle", "system"),
    "a whole module": (lambda f: torch.save(peers.lecture(SIZES), f), "unsafe-pickle", "tests.naive.Naive"),
    "truncated archive": (lambda f: _save_and_cut(f, archive=True), "truncated", "truncated"),
    "truncated pickle": (lambda f: _save_and_cut(f, archive=False), "", ""),
    "no state_dict": (lambda f: torch.save({"epoch": 3, "loss": 0.5}, f), "no-tensors", "epoch, loss"),
    "a list": (lambda f: torch.save([torch.ones(3)], f), "no-tensors", "holds a list"),
    "a tensor": (lambda f: torch.save(torch.ones(3), f), "no-tensors", "holds a Tensor"),
    "another zip": (_zip_without_data, "not-a-checkpoint", "not one of torch.save"),
    "a zip bomb": (_bomb, "broken-pickle", "is compressed"),
    "short storages": (lambda f: _rewrite(f, lambda name, data: data[:4]), "truncated", "4 bytes in the file, its"),
    "a long storage": (
        lambda f: _rewrite(f, lambda name, data: data + b"\0" * 64), "broken-pickle", "is broken: storage 0 has"),
    "a storage that is missing": (_rewrite, "truncated", "storage 3 of its tensors is not in the archive"),
    "a flipped bit": (lambda f: _patched(f, b"/data/0"), "damaged", "do not have its checksum"),
    "a flipped bit in the pickle": (lambda f: _patched(f, b"/data.pkl"), "damaged", "do not have its checksum"),
    "a name twice": (lambda f: _rewrite(f, twice="data/1"), "broken-pickle", "2 entries are called archive/data/1"),
    "two entries in one place": (lambda f: _rewrite(f, moved="data/1"), "broken-pickle", "overlaps another"),
    "a compressed storage": (lambda f: _rewrite(f, method=zipfile.ZIP_DEFLATED), "broken-pickle", "is compressed"),
    "a view beyond its storage": (
        lambda f: torch.save({"w": Beyond(5, (100,), (1,))}, f), "broken-pickle", "is broken"),
    "strides beyond the storage": (
        lambda f: torch.save({"w": Beyond(0, (2, 2), (50, 1))}, f), "broken-pickle", "is broken"),
    "a view beyond its storage, old format": (
        lambda f: torch.save({"w": Beyond(5, (100,), (1,))}, f, _use_new_zipfile_serialization=False),
        "broken-pickle", "is broken"),
    "old format, cut in the numbers": (lambda f: _older(f, cut=100), "truncated", "the file ends inside storage"),
    "old format, another count": (lambda f: _older(f, count=999), "truncated", "3,996 bytes in the file, its tensors"),
    "old format, no storage listed": (lambda f: _older(f, keys=[]), "truncated", "of its tensors is not in the file"),
    "sparse tensors": (
        lambda f: torch.save({**peers.lecture(SIZES).state_dict(), "tok_emb.weight": torch.eye(60).to_sparse()}, f),
        "dtype", "no format of GPT-2 weights"),
    "a tensor without numbers": (
        lambda f: torch.save(_lecture_with("tok_emb.weight", lambda t: t.to("meta")), f), "no-data", "no numbers"),
    "no numbers at all": (
        lambda f: torch.save({k: v.to("meta") for k, v in peers.lecture(SIZES).state_dict().items()}, f),
        "no-data", "no numbers"),
    "another pickle protocol": (
        lambda f: torch.save(peers.lecture(SIZES).state_dict(), f, pickle_protocol=5),
        "unsafe-pickle", "takes: Unsupported operand 149; save model.state_dict()"),
    **{
        f"old format, {size} bytes of it": (
            lambda f, size=size: _older(f, keep=size),  # type: ignore[misc]
            "truncated", "its pickle ends early")
        for size in (1, 2, 20, 60, 100)
    },
    "old format, cut inside a name": (lambda f: _older(f, keep=170), "unsafe-pickle", "by default; save"),
    "a head without rows": (
        lambda f: torch.save(_lecture_with("out_head.weight", lambda t: t[:0]), f),
        "vocabulary", "need a row for each token"),
    "complex numbers": (
        lambda f: torch.save(_lecture_with("tok_emb.weight", lambda t: t.to(torch.complex64)), f),
        "dtype", "complex numbers are not a GPT's"),
}  # fmt: skip


@pytest.mark.parametrize("rows", [64, 61])
def test_the_cure_of_another_vocabulary_works(cli: Cli, folder: Path, rows: int) -> None:
    _edit(folder, _set("transformer.wte.weight", lambda t: torch.cat([t, t])[:rows]))
    found = cli("checkpoint", str(folder), "--json").json["findings"]
    assert f"write vocab_size {rows} into its config" in found[0]["message"]
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": rows}))
    assert cli("checkpoint", str(folder)).code == 0


def _lecture_with(name: str, value: Callable[[torch.Tensor], torch.Tensor]) -> State:
    state = peers.lecture(SIZES).state_dict()
    return {**state, name: value(state[name])}


@pytest.mark.parametrize("mutation", PICKLES)
def test_pickles(cli: Cli, tmp_path: Path, mutation: str) -> None:
    change, kind, words = PICKLES[mutation]
    file = tmp_path / "model.pth"
    change(file)
    report = json.loads(cli("checkpoint", str(file), "--json").out)
    assert not report["ok"]
    found = [finding for finding in report["findings"] if finding["kind"] == kind or not kind]
    assert any(words in finding["message"] for finding in found), report["findings"]
    assert not any(
        words in finding["message"] for finding in found for words in ("PyTorch", "weights_only", "Please", "--set voc")
    )
    assert cli("forward", "--weights", str(file), "!").code == 2
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("options", [[], ["--stats"]])
def test_complex_numbers_warn_of_nothing(cli: Cli, tmp_path: Path, options: list[str]) -> None:
    file = tmp_path / "model.pt"
    torch.save(_lecture_with("tok_emb.weight", lambda t: t.to(torch.complex64)), file)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outcome = cli("checkpoint", str(file), *options)
    assert (outcome.code, outcome.err) == (1, "")


def test_an_archive_without_checksums_can_be_used(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(peers.lecture(SIZES).state_dict(), file)
    finally:
        torch.serialization.set_crc32_options(before)
    assert cli("checkpoint", str(file)).code == 0


def test_a_pickle_that_can_only_be_followed_by_torch_is_not_used(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "model.pt"
    torch.save(peers.lecture(SIZES).state_dict(), file)
    monkeypatch.setattr("gptcli.checkpoints.torch_archive._ITEM_BYTES", {})
    outcome = cli("checkpoint", str(file))
    assert outcome.code == 1
    assert "cannot be checked to its end" in " ".join(outcome.out.split())


def test_a_safetensors_header_may_begin_with_the_byte_of_a_pickle(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_file(peers.lecture(SIZES).state_dict(), file)
    data = file.read_bytes()
    length = int.from_bytes(data[:8], "little")
    padding = (0x80 - length) % 256
    file.write_bytes(
        (length + padding).to_bytes(8, "little") + data[8 : 8 + length] + b" " * padding + data[8 + length :]
    )
    assert file.read_bytes()[0] == 0x80
    assert cli("checkpoint", str(file), "--json").json["format"] == "safetensors"


def test_a_missing_shard(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "gpt"
    peers.hugging_face(SIZES).save_pretrained(folder, max_shard_size="40KB")
    lost = sorted(folder.glob("model-*.safetensors"))[1]
    lost.unlink()
    _assert_found(cli, folder, "missing-shard", "error", lost.name, "shard is missing")


def test_an_index_that_points_elsewhere(cli: Cli, tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../../etc/passwd"}}))
    _assert_found(cli, tmp_path, "bad-index", "error", index.name, "outside its directory")


def test_a_config_of_another_network(cli: Cli, folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "llama", "hidden_size": 64}')
    _assert_found(cli, folder, "bad-config", "error", "config.json", "llama")


def test_a_config_of_another_size(cli: Cli, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"n_layer": 2}))
    _assert_found(cli, folder, "unexpected", "error", "transformer.h.2", "blocks 0 to 1")


def test_one_and_a_half_billion_parameters_take_no_memory(tmp_path: Path) -> None:
    """GPT-2 XL's file, sparse: 6.2 GB of zeros that take no disk."""
    from gptcli.architecture import describe, each_weight, shape_sizes, sizes_of
    from gptcli.config import load_config

    config = load_config("gpt2-xl", environ={}).config
    sizes = sizes_of(config)
    header, end = {}, 0
    for weight in each_weight(describe(config), sizes):
        if weight.tied_to is None:
            shape = shape_sizes(weight.shape, sizes)
            bytes_ = 4 * torch.Size(shape).numel()
            header[weight.path] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + bytes_]}
            end += bytes_
    file = tmp_path / "xl.safetensors"
    _with_header(file, header, b"")
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size + end)
    script = (
        "import sys; from gptcli.cli import run; run(sys.argv[1:]); "
        "print(open('/proc/self/status').read(), file=sys.stderr); sys.exit('torch' in sys.modules)"
    )
    arguments = [sys.executable, "-c", script, "checkpoint", str(file), "--json", "--set", "n_heads=25"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    assert report["parameters"] == 1_557_611_200
    assert report["config"]["n_layers"] == 48
    peak = next(line for line in done.stderr.splitlines() if line.startswith("VmHWM"))  # kB of this process alone
    assert int(peak.split()[1]) * 1024 < 100e6
