"""Headers of GGUF files: what is in them, against llama.cpp's own package; and every lie a header can tell."""

import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gptcli.api.checkpoint import inspected
from gptcli.architecture.ggml import TYPES
from gptcli.checkpoints.gguf_file import read_gguf_header
from gptcli.checkpoints.gguf_values import Array
from gptcli.reports.checkpoint import CheckpointReport
from tests.checkpoints.gguf_bytes import NAMED, USUAL, Tensor, entry, file_of, header, padded, text, value
from tests.conftest import Cli


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


def _report(file: Path, data: bytes) -> CheckpointReport:
    file.write_bytes(data)
    return inspected(str(file))


def _errors(report: CheckpointReport) -> list[tuple[str, str, str]]:
    return [(each.kind, each.path, each.message) for each in report.findings if each.severity == "error"]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [2, 3])
def test_what_is_in_a_file(file: Path, version: int, order: str) -> None:
    data = file_of(version=version, order=order)
    report = _report(file, data)
    assert (report.layout, report.format, report.ok, report.tensors) == ("gguf", "gguf", True, 3)
    assert (report.parameters, report.weights_bytes) == (64 * 3 + 256 * 2 + 7, 3 * 68 + 288 + 28)
    assert report.total_bytes == len(data)
    assert report.dtypes == {"Q4_K": 1, "Q8_0": 1, "F32": 1}
    facts = report.gguf
    assert facts is not None
    assert (facts.version, facts.architecture, facts.name, facts.keys) == (version, "llama", "A model", 2)
    assert facts.byte_order == ("little" if order == "<" else "big")
    assert [(row.type, row.tensors, row.numbers, row.bytes) for row in facts.types] == [
        ("Q4_K", 1, 512, 288),
        ("Q8_0", 1, 192, 204),
        ("F32", 1, 7, 28),
    ]
    notes = [finding.kind for finding in report.findings]
    assert notes == ([] if order == "<" else ["byte-order"])


def test_every_type_of_value_is_read(file: Path) -> None:
    given: list[tuple[str, str, Any]] = [
        ("a", "u8", 200), ("b", "i8", -3), ("c", "u16", 60000), ("d", "i16", -300), ("e", "u32", 2**32 - 1),
        ("f", "i32", -(2**31)), ("g", "f32", 0.5), ("h", "bool", True), ("i", "str", "text\u00e9"),
        ("j", "u64", 2**64 - 1), ("k", "i64", -(2**63)), ("l", "f64", 0.1),
    ]  # fmt: skip
    arrays: list[tuple[str, str, Any]] = [
        ("m", "arr:f32", [1.0] * 5), ("n", "arr:str", ["a", "", "bcd"]), ("o", "arr:arr:u16", [[1, 2], [3]]),
        ("p", "arr:bool", []),
    ]  # fmt: skip
    file.write_bytes(file_of([*given, *arrays, ("last", "u32", 7)]))
    found = read_gguf_header(file).metadata
    assert found == {
        **{key: number for key, _, number in given},
        "m": Array("f32", 5),
        "n": Array("str", 3),
        "o": Array("arr", 2),
        "p": Array("bool", 0),
        "last": 7,
    }
    assert found["h"] is True


def test_arrays_over_many_windows(file: Path) -> None:
    """Of texts some of which lie across the end of what is read at once, or are longer than that."""
    texts = [*("x" * (number % 97) for number in range(60_000)), "y" * 3_000_000, "z", *["w" * 700_000] * 3]
    file.write_bytes(file_of([("tokens", "arr:str", texts), ("scores", "arr:f32", [0.0] * 600_000), *NAMED]))
    found = read_gguf_header(file)
    assert found.metadata["tokens"] == Array("str", len(texts))
    assert found.metadata["general.name"] == "A model"
    assert [tensor.name for tensor in found.tensors] == [name for name, *_ in USUAL]


@pytest.mark.parity
@pytest.mark.parametrize("big", [False, True])
def test_files_of_the_package(file: Path, big: bool) -> None:
    gguf = pytest.importorskip("gguf")
    import numpy as np

    endian = gguf.GGUFEndian.BIG if big else gguf.GGUFEndian.LITTLE
    writer = gguf.GGUFWriter(file, "qwen3", endianess=endian)
    writer.add_name("Written by llama.cpp's package")
    writer.add_file_type(15)
    writer.add_context_length(4096)
    writer.add_rope_freq_base(1e6)
    writer.add_token_list([f"token{number}" for number in range(300)])
    writer.add_token_scores([0.5] * 300)
    writer.add_custom_alignment(64)
    expected = {}
    for number, (name, type_) in enumerate((each.name, each) for each in gguf.GGMLQuantizationType):
        if name == "Q8_1":
            continue  # never in files; the package has another size for it than llama.cpp
        numbers, bytes_ = gguf.GGML_QUANT_SIZES[type_]
        rows, blocks = 1 + number % 3, 1 + number % 5
        data = np.zeros((rows, blocks * bytes_), dtype=np.uint8)
        writer.add_tensor(f"blk.{number}.weight", data, raw_dtype=type_)
        expected[f"blk.{number}.weight"] = (name, (blocks * numbers, rows), data.nbytes)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    report = inspected(str(file))
    assert _errors(report) == []
    assert report.gguf is not None
    assert (report.gguf.architecture, report.gguf.file_type, report.gguf.alignment) == ("qwen3", 15, 64)
    assert report.gguf.byte_order == ("big" if big else "little")
    found = read_gguf_header(file)
    assert {each.name: (each.type and each.type.name, each.shape, each.nbytes) for each in found.tensors} == expected
    if not big:
        theirs = gguf.GGUFReader(file)
        assert len(theirs.fields) - 3 == len(found.metadata), "but version and amounts, which it counts too"
        begin = theirs.data_offset
        assert [(str(t.name), int(t.data_offset) - begin, int(t.n_bytes)) for t in theirs.tensors] == [
            (each.name, each.offset, each.nbytes) for each in found.tensors
        ]


def _tensors(**changed: Any) -> list[Tensor]:
    """Return the usual tensors with the second's fields changed."""
    name, shape, type_, offset, bytes_ = USUAL[1]
    own: dict[str, Any] = {"name": name, "shape": shape, "type_": type_, "offset": offset, "bytes_": bytes_} | changed
    second: Tensor = (own["name"], own["shape"], own["type_"], own["offset"], own["bytes_"])
    return [USUAL[0], second, USUAL[2]]


ONE_KEY = header([], [], amounts=(0, 1)) + text("a")

# What a header says -> the kind of the finding, and words of its message.
LIES: dict[str, tuple[bytes, str, str]] = {
    "version 1": (file_of(version=1), "bad-header", "GGUF version 1, of August 2023, which llama.cpp no longer reads"),
    "version 1, big-endian": (file_of(version=1, order=">"), "bad-header", "GGUF version 1"),
    "version 4": (file_of(version=4), "bad-header", "GGUF version 4 is none of those known, 2 and 3"),
    "many tensors": (header(amounts=(2**63, 2)), "bad-header", "9,223,372,036,854,775,808 tensors do not fit into"),
    "many keys": (header(amounts=(3, 2**40)), "bad-header", "1,099,511,627,776 keys do not fit into"),
    "more tensors than are read": (
        header([], [], amounts=(100_001, 0)) + b"\0" * 24 * 100_001,
        "bad-header", "more than the 100,000 that are read"),
    "a key too long": (
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**62) + b"key" + b"\0" * 99,
        "truncated", "ends within a key, of 4,611,686,018,427,387,904 bytes"),
    "a text too long": (
        ONE_KEY + struct.pack("<IQ", 8, 2**63), "truncated", "the value of 'a'"),
    "an array too long": (
        ONE_KEY + struct.pack("<IIQ", 9, 12, 2**61), "truncated", "'a'"),
    "an array of many texts": (
        ONE_KEY + struct.pack("<IIQ", 9, 8, 2**60) + b"\0" * 9999,
        "truncated", "'a'"),
    "a type of value": (
        ONE_KEY + struct.pack("<IQ", 13, 0), "bad-header", "is of type 13"),
    "a type within an array": (
        ONE_KEY + struct.pack("<IIQ", 9, 99, 1), "bad-header", "is of type 99"),
    "arrays in arrays": (
        file_of([("deep", "arr:arr:arr:arr:arr:u8", [[[[[1]]]]])]), "bad-header", "arrays within arrays"),
    "many arrays in arrays": (
        file_of([("wide", "arr:arr:u8", [[]] * 100_001)]), "bad-header", "arrays within arrays"),
    "a key twice": (file_of([*NAMED, NAMED[0]]), "twice", "the key stands twice"),
    "an empty key": (file_of([*NAMED, ("", "u8", 1)]), "bad-header", "a key is empty"),
    "alignment of 0": (file_of([("general.alignment", "u32", 0)]), "bad-header", "0 is no power of two"),
    "alignment of 48": (file_of([("general.alignment", "u32", 48)]), "bad-header", "48 is no power of two"),
    "alignment in words": (file_of([("general.alignment", "str", "32")]), "bad-header", "32 is no power of two"),
    "alignment of many": (
        file_of([("general.alignment", "arr:u32", [32])]),
        "bad-header", "an array is no power of two"),
    "a name twice": (file_of(tensors=_tensors(name=USUAL[0][0])), "twice", "the name stands twice"),
    "no name": (file_of(tensors=_tensors(name="")), "bad-header", "a tensor has no name"),
    "a long name": (
        file_of(tensors=_tensors(name="x" * 64)),
        "bad-header", "its name has 64 bytes, llama.cpp takes 63"),
    "five dimensions": (file_of(tensors=_tensors(shape=(256, 2, 1, 1, 1))), "bad-header", "has 5 dimensions"),
    "many dimensions": (
        header([], [], amounts=(1, 0)) + text("x") + struct.pack("<I", 2**31) + b"\0" * 99,
        "bad-header", "x has 2,147,483,648 dimensions"),
    "a huge shape": (file_of(tensors=_tensors(shape=(2**32, 2**32))), "bad-header", "more numbers than can be counted"),
    "a shape of all there is": (
        file_of(tensors=_tensors(shape=(2**63, 2**64 - 1, 2**64 - 1))),
        "truncated", "truncated"),
    "no whole blocks": (file_of(tensors=_tensors(shape=(100, 2))), "bad-header", "no whole blocks of 256 in Q4_K"),
    "an unknown type": (
        file_of(tensors=_tensors(type_=999)),
        "unknown-type", "is of type 999, which is none of ggml's"),
    "a removed type": (
        file_of(tensors=_tensors(type_=31)),
        "unknown-type", "is of type Q4_0_4_4, which llama.cpp has given"),
    "an odd offset": (file_of(tensors=_tensors(offset=225)), "bad-header", "begin at 225, no multiple of 32"),
    "overlap": (file_of(tensors=_tensors(offset=192)), "overlap", "its data overlap"),
    "a gap": (
        file_of(tensors=[*USUAL[:2], ("norm.weight", (7,), 0, 544, 28)]),
        "gap", "32 bytes before its data belong to no"),
    "far away": (padded(header(tensors=_tensors(offset=2**63))), "truncated", "truncated: the header describes"),
    "cut off": (file_of()[:-100], "truncated", "from blk.0.attn_q.weight on"),
    "data missing": (header(), "truncated", "3 of 3 tensors are incomplete, from token_embd.weight on"),
    "letters alone": (b"GGUF", "truncated", "ends within its version"),
    "no tensors where there should be": (header(tensors=[], amounts=(1, 2)), "truncated", "length of a tensor's name"),
    "a tensor cut off": (header() [:-5], "truncated", "ends within the entry of 'norm.weight'"),
}  # fmt: skip


@pytest.mark.parametrize("case", LIES)
def test_what_cannot_be_is_found(file: Path, cli: Cli, case: str) -> None:
    data, kind, words = LIES[case]
    report = _report(file, data)
    assert not report.ok
    assert any(kind == found and words in message for found, _, message in _errors(report)), report.findings
    outcome = cli("checkpoint", str(file))
    assert outcome.code == 1
    assert "Cannot be used as it is" in outcome.out
    assert "Traceback" not in outcome.err


def test_data_may_be_followed_by_something(file: Path) -> None:
    report = _report(file, file_of() + b"x" * 40)
    assert report.ok
    assert [(each.severity, each.kind) for each in report.findings] == [("warning", "trailing")]
    assert "40 bytes after the last tensor belong to nothing" in report.findings[0].message


def test_the_last_padding_may_be_missing(file: Path) -> None:
    assert _report(file, file_of()[:-4]).findings == []


def test_an_unknown_type_raises_no_other_finding(file: Path) -> None:
    """What it takes is not known, so what follows it may lie anywhere."""
    report = _report(file, file_of(tensors=_tensors(type_=999)))
    assert [kind for kind, *_ in _errors(report)] == ["unknown-type"]
    assert report.gguf is not None
    assert ("type 999", 0) in [(row.type, row.bytes) for row in report.gguf.types]


def test_alignment_is_that_of_the_file(file: Path) -> None:
    tensors = [("a", (7,), 0, 0, 28), ("b", (7,), 0, 128, 28)]
    said = [("general.alignment", "u32", 128)]
    assert _report(file, file_of(said, tensors, alignment=128)).findings == []
    assert {kind for kind, *_ in _errors(_report(file, file_of([], tensors)))} == {"gap"}


@pytest.mark.parametrize("length", range(0, len(file_of()), 7))
def test_a_file_that_ends_anywhere(file: Path, length: int) -> None:
    report = _report(file, file_of()[:length])
    assert not report.ok


def test_a_header_with_any_byte_changed(file: Path) -> None:
    whole = file_of([*NAMED, ("list", "arr:str", ["a", "b"]), ("numbers", "arr:u32", [1, 2])])
    for place in range(4, len(header([*NAMED, ("list", "arr:str", ["a", "b"]), ("numbers", "arr:u32", [1, 2])]))):
        for changed in (0x00, 0x7F, 0xFF):
            assert _report(file, whole[:place] + bytes([changed]) + whole[place + 1 :]).findings is not None


HOSTILE: dict[str, Callable[[], bytes]] = {
    "keys": lambda: header([], [], amounts=(0, 20_000)) + (text("k" * 80) + value("str", "v" * 900)) * 20_000,
    "bytes that are no text": lambda: header([("a", "str", "")], [])[:-8] + text(b"\xff" * 40_000_000),
    "tensors": lambda: header([], [], amounts=(20_000, 0)) + entry(USUAL[0]) * 20_000,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_memory_stays_within_bounds(file: Path, case: str) -> None:
    file.write_bytes(HOSTILE[case]())
    tracemalloc.start()
    inspected(str(file))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 48 * 2**20


def test_more_than_a_header_can_take(file: Path) -> None:
    """A file with a hole: nothing of it is read."""
    begin = ONE_KEY + struct.pack("<IIQ", 9, 0, 2**40)
    with file.open("wb") as writing:
        writing.write(begin)
        writing.truncate(2**41)
    report = inspected(str(file))
    assert "take more than 100,000,000 bytes" in report.findings[0].message


def test_factors_of_the_rotation_are_no_parameters(file: Path) -> None:
    tensors: list[Tensor] = [("rope_freqs.weight", (8,), 0, 0, 32), ("norm.weight", (8,), 0, 32, 32)]
    report = _report(file, file_of(tensors=tensors))
    assert (report.parameters, report.weights_bytes, report.buffer_bytes, report.tensors) == (8, 32, 32, 2)


def test_one_of_several_files(file: Path) -> None:
    report = _report(file, file_of([*NAMED, ("split.no", "u16", 0), ("split.count", "u16", 3)]))
    assert report.ok
    assert [each.message for each in report.findings] == ["is number 1 of 3 files; the others are not looked at"]


def test_a_vocabulary_alone(file: Path) -> None:
    report = _report(file, file_of(tensors=[]))
    assert report.ok
    assert [(each.severity, each.kind) for each in report.findings] == [("note", "no-tensors")]


def test_names_control_no_terminal(file: Path, cli: Cli) -> None:
    said = [("general.architecture", "str", "a\x1b[2Jb"), ("general.name", "str", "x\u202ey\n" * 99)]
    file.write_bytes(file_of(said, _tensors(name="\x1b]0;title\x07", shape=(100, 2))))
    outcome = cli("checkpoint", str(file))
    assert "\x1b" not in outcome.out
    assert "\u202e" not in outcome.out
    assert cli("checkpoint", str(file), "--json").json["gguf"]["architecture"] == "a\\x1b[2Jb"


def test_the_screen(file: Path, cli: Cli) -> None:
    file.write_bytes(file_of())
    outcome = cli("checkpoint", str(file))
    assert outcome.code == 0
    said = outcome.out
    for words in ("(gguf version 3)", "GGUF (llama.cpp)", "llama", "A model", "711", "Q4_K", "4.5", "8.5"):
        assert words in said
    assert "Can be used by llama.cpp, as far as its header says." in said
    assert cli("checkpoint", str(file.parent)).out == said.replace(str(file), str(file.parent)), "a directory with one"


@pytest.mark.parametrize(
    "command",
    [
        ("forward", "hi", "--weights"),
        ("generate", "hi", "--weights"),
        ("trace", "hi", "--weights"),
        ("checkpoint", "convert"),
    ],
)
def test_its_weights_are_not_run(file: Path, cli: Cli, command: tuple[str, ...]) -> None:
    file.write_bytes(file_of())
    more = [str(file.parent / "out.pt"), "--to", "lecture"] if command[0] == "checkpoint" else []
    outcome = cli(*command, str(file), *more)
    assert (outcome.code, outcome.out) == (2, "")
    assert "is a GGUF file, whose weights are for llama.cpp and are not run here; take the model's" in outcome.err
    assert f"'gptcli checkpoint {file}'" in outcome.err


@pytest.mark.parametrize("asked", [["--stats"], ["--set", "n_heads=4"]])
def test_what_would_need_its_numbers_or_a_config(file: Path, cli: Cli, asked: list[str]) -> None:
    file.write_bytes(file_of())
    outcome = cli("checkpoint", str(file), *asked)
    assert (outcome.code, outcome.out) == (2, "")
    assert f"of a GGUF file the header alone is read; leave {asked[0]} out" in outcome.err


def test_sizes_are_those_of_the_table() -> None:
    for _, shape, type_, _, bytes_ in USUAL:
        row = next(each for each in TYPES.values() if each.id == type_)
        assert row.blocks(shape[1] if len(shape) > 1 else 1, shape[0]) * row.bytes == bytes_
