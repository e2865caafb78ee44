"""Models side by side: each figure is the one that the other commands give."""

import pytest
from msgspec.structs import replace

from gptcli.analysis.compare import compare_report
from gptcli.analysis.flops import flops_report
from gptcli.analysis.passes import swept
from gptcli.analysis.workload import Workload
from gptcli.architecture import describe
from gptcli.config import load_config
from gptcli.errors import InputError

TINY = load_config("tiny", environ={}).config
SHORT = replace(TINY, name="short", context_length=40, weight_tying=True)
OPTIONS = Workload(batch=3, tokens=999, dtype="bf16", optimizer="sgd", attention="explicit")


@pytest.mark.parametrize("seq_len", [16, None])
def test_every_option_reaches_every_figure(seq_len: int | None) -> None:
    report = compare_report([describe(TINY), describe(SHORT)], OPTIONS, seq_len)
    assert (report.batch_size, report.seq_len, report.dtype) == (3, seq_len, "bf16")
    for config, model in zip((TINY, SHORT), report.models, strict=True):
        tokens = seq_len or config.context_length
        run = Workload(batch=3, tokens=tokens, dtype="bf16", optimizer="sgd", attention="explicit")
        assert model.inference_peak_bytes == swept(describe(config), run).peak
        assert model.training_peak_bytes == swept(describe(config), replace(run, mode="training")).peak
        assert model.kv_cache_bytes == 2 * 3 * 3 * tokens * 64 * 2  # keys and values, L, B, T, C, bf16
        flops = flops_report(describe(config), batch=3, tokens=tokens)
        assert (model.forward_flops, model.training_flops) == (flops.forward_flops, flops.training_flops)
        assert model.flops_per_token == flops.training_flops // (3 * tokens)


def test_parameters_are_those_of_each_model() -> None:
    tiny, short = compare_report([describe(TINY), describe(SHORT)], OPTIONS, 16).models
    block = 4 * 64 + 3 * 64 * 64 + 64 * 64 + 64 + 64 * 256 + 256 + 256 * 64 + 64  # no bias on query, key, value
    body, table = 3 * block + 2 * 64, 50257 * 64
    assert tiny.parameters == tiny.parameters_untied == 2 * table + 256 * 64 + body
    assert tiny.parameters_tied == tiny.parameters - table
    assert short.parameters == short.parameters_tied == table + 40 * 64 + body
    assert tiny.weights_bytes == 2 * tiny.parameters


def test_what_differs_is_named() -> None:
    differing = compare_report([describe(TINY), describe(SHORT)], OPTIONS, 16).differing
    assert {"name", "context_length", "weight_tying", "parameters"} <= set(differing)
    assert not {"emb_dim", "n_layers", "kv_cache_bytes", "config"} & set(differing)
    assert compare_report([describe(TINY), describe(TINY)], OPTIONS, 16).differing == []


def test_a_model_whose_context_is_shorter_refuses() -> None:
    with pytest.raises(InputError, match="--seq-len 41 is over the context length 40 of short"):
        compare_report([describe(TINY), describe(SHORT)], OPTIONS, 41)
