"""What names and shapes say, asked of the weights by their roles; nothing is read, so torch is not needed."""

from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace

from gptcli.architecture import describe, each_weight, shape_sizes
from gptcli.checkpoints.diagnose import structure_findings
from gptcli.checkpoints.infer import infer_config
from gptcli.checkpoints.matching import Matched, match
from gptcli.checkpoints.stored import StoredTensor
from gptcli.config import ModelConfig

SIZES = ModelConfig(vocab_size=97, context_length=11, emb_dim=12, n_heads=3, n_layers=3, bias=True, qkv_bias=True)
ENCODING = 97


def _stored(config: ModelConfig, *, without: Iterable[str] = ()) -> dict[str, tuple[int, ...]]:
    """The shapes of gptcli's own layout."""
    network = describe(config)
    listed = each_weight(network, network.sizes)
    return {w.path: shape_sizes(w.shape, network.sizes) for w in listed if not w.tied_to and w.path not in without}


def _matched(shapes: dict[str, tuple[int, ...]]) -> Matched:
    matched = match({name: StoredTensor(name, "F32", shape, Path()) for name, shape in shapes.items()}, said="gptcli")
    assert matched is not None
    return matched


def _messages(
    shapes: dict[str, tuple[int, ...]], config: ModelConfig, encoding: int = ENCODING
) -> list[tuple[str, str]]:
    return [(found.path, found.message) for found in structure_findings(_matched(shapes), describe(config), encoding)]


def test_the_width_is_that_of_most_vectors_of_the_stream() -> None:
    shapes = _stored(SIZES)
    tables = {name: (shapes[name][0], 96) for name in ("wte.weight", "wpe.weight", "lm_head.weight")}
    config, _ = infer_config(_matched(shapes | tables), "m", head_is_copy=False)
    assert config is not None
    assert (config.emb_dim, config.n_layers, config.vocab_size, config.context_length) == (12, 3, 97, 11)


def test_vectors_of_other_widths_do_not_count() -> None:
    deep = _stored(replace(SIZES, n_layers=8))
    shapes = {name: shape for name, shape in deep.items() if "ln_" not in name and "c_proj" not in name}
    config, _ = infer_config(_matched(shapes), "m", head_is_copy=False)
    assert config is not None
    assert config.emb_dim == 12, "by the tables: biases of 3C and 4C say nothing of C"


def test_the_vocabulary_is_read_off_the_head_where_the_table_is_missing() -> None:
    config, _ = infer_config(_matched(_stored(SIZES, without=["wte.weight"])), "m", head_is_copy=None)
    assert config is not None
    assert config.vocab_size == 97


def test_biases_are_inferred_of_the_parts_that_have_them() -> None:
    for qkv_bias in (False, True):
        for bias in (False, True):
            made = replace(SIZES, bias=bias, qkv_bias=qkv_bias)
            config, _ = infer_config(_matched(_stored(made)), "m", head_is_copy=False)
            assert config is not None
            assert (config.bias, config.qkv_bias) == (bias or qkv_bias, qkv_bias)


def test_a_bias_too_many_is_explained_by_its_key() -> None:
    said = dict(_messages(_stored(SIZES), replace(SIZES, bias=False, qkv_bias=False)))
    assert said["h.0.attn.c_attn.bias"] == "unexpected: the config says qkv_bias: false"
    assert said["h.0.attn.c_proj.bias"] == "unexpected: the config says bias: false"
    assert said["ln_f.bias"] == "unexpected: the config says bias: false"


def test_rows_that_spell_nothing_are_those_of_the_token_table() -> None:
    config = replace(SIZES, vocab_size=128)
    message = "padded vocabulary: 128 rows for the encoding's 97 tokens; the last 31 spell nothing"
    assert _messages(_stored(config), config) == [("wte.weight", message)]


def test_a_head_is_missing_where_it_is_not_tied() -> None:
    tied = replace(SIZES, weight_tying=True)
    without = _stored(SIZES, without=["lm_head.weight"])
    assert _messages(without, tied) == [("lm_head.weight", "head absent: tied to the token embedding")]
    assert _messages(_stored(SIZES), tied) == []
    ((path, message),) = _messages(without, SIZES)
    assert (path, message.partition(":")[0]) == ("lm_head.weight", "missing")


def test_rows_of_either_table_say_the_vocabulary() -> None:
    shapes = _stored(SIZES)
    for name in ("wte.weight", "lm_head.weight"):
        ((path, message),) = _messages(shapes | {name: (90, 12)}, SIZES)
        assert (path, message.partition(";")[0]) == (name, "vocabulary differs: 90 rows, the config says vocab_size 97")
        assert message.endswith("token embedding and output head need a row for each token; save them anew")
    both = shapes | dict.fromkeys(("wte.weight", "lm_head.weight"), (90, 12))
    assert all(message.endswith("write vocab_size 90 into its config") for _, message in _messages(both, SIZES))
    ((path, message),) = _messages(shapes | {"wpe.weight": (90, 12)}, SIZES)
    assert (path, message.partition(":")[0]) == ("wpe.weight", "misshaped")


def test_norms_without_shifts_beside_biases_are_rms_norms() -> None:
    for qkv_bias in (False, True):
        made = replace(SIZES, norm="rms_norm", qkv_bias=qkv_bias)
        matched = _matched(_stored(made))
        config, findings = infer_config(matched, "m", head_is_copy=False)
        assert config is not None
        assert (config.norm, config.bias, config.qkv_bias) == ("rms_norm", True, qkv_bias)
        assert [finding.kind for finding in findings] == ["guessed-heads"]
        assert [finding.kind for finding in structure_findings(matched, describe(config), ENCODING)] == []


def test_which_norm_it_is_stays_open_without_any_bias() -> None:
    for norm in ("layer_norm", "rms_norm"):
        made = replace(SIZES, norm=norm, bias=False, qkv_bias=False)
        config, findings = infer_config(_matched(_stored(made)), "m", head_is_copy=False)
        assert config is not None
        assert config.norm == "layer_norm"
        assert [finding.kind for finding in findings] == ["guessed-heads", "guessed-norm"]


def test_a_shift_too_many_is_explained_by_the_norm() -> None:
    said = dict(_messages(_stored(SIZES), replace(SIZES, norm="rms_norm")))
    assert said["ln_f.bias"] == "unexpected: the config says norm: rms_norm"
    assert set(said) == {name for name in _stored(SIZES) if "ln_" in name and name.endswith(".bias")}


def test_where_all_shifts_are_missing_rmsnorm_is_named() -> None:
    way_out = "; if its norms are RMSNorm, --set norm=rms_norm"
    shapes = _stored(SIZES)
    shifts = [name for name in shapes if "ln_" in name and name.endswith("bias")]
    rms = {name: shape for name, shape in shapes.items() if name not in shifts}
    assert all(message.endswith(way_out) for _, message in _messages(rms, SIZES))
    some = {name: shape for name, shape in shapes.items() if name not in shifts[1:]}
    more = {name: shape for name, shape in rms.items() if name != "h.1.mlp.c_fc.bias"}
    for other in (some, more):
        assert not any(way_out in message for _, message in _messages(other, SIZES))
