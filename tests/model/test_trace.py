"""The trace against the described steps, hooks on the real modules, and a network that somebody else wrote."""

from pathlib import Path
from typing import Any
from weakref import ref

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from gptcli.analysis.flow import flow_report
from gptcli.architecture import AttentionPath, describe
from gptcli.config import ModelConfig
from gptcli.model.forward import ForwardOptions, build, run_forward
from gptcli.model.tap import observed
from gptcli.model.trace import TraceOptions, Tracer, run_trace
from gptcli.model.tracker import LiveBytes
from gptcli.reports.flow import FlowReport
from gptcli.reports.trace import TraceReport, TraceStep
from tests.naive import NaiveBlock, NaiveGPT, as_ours

CONFIG = ModelConfig(vocab_size=60, context_length=24, emb_dim=24, n_heads=3, n_layers=3, drop_rate=0.1)
BATCH = [[5, 9, 2, 44, 17], [3, 1, 59, 8, 8]]


def flow_of(batch: list[list[int]] = BATCH, attention: AttentionPath = "explicit", dtype: str = "fp32") -> FlowReport:
    return flow_report(describe(CONFIG, attention), batch=len(batch), tokens=max(map(len, batch)), dtype=dtype)


def traced(
    batch: list[list[int]] = BATCH, wanted: TraceOptions | None = None, save: Path | None = None, **options: Any
) -> TraceReport:
    chosen = ForwardOptions(**{"attention": "explicit"} | options)
    flow = flow_of(batch, chosen.attention, chosen.dtype)
    asked = wanted or TraceOptions()
    network = describe(CONFIG, chosen.attention)
    return run_trace(network, flow, batch, chosen, asked, pad_id=0, token_text=str, save=save)


def by_path(report: TraceReport) -> dict[str, TraceStep]:
    return {step.path: step for step in report.steps}


@pytest.mark.parametrize("attention", ["sdpa", "explicit"])
@pytest.mark.parametrize("dropout", [True, False])
@pytest.mark.parametrize("batch", [[[7]], BATCH, [[5, 9, 2], [3]]])
def test_the_steps_are_those_of_the_flow(attention: AttentionPath, dropout: bool, batch: list[list[int]]) -> None:
    report = traced(batch, attention=attention, dropout=dropout)
    flow = flow_of(batch, attention)
    assert len(report.steps) == len(flow.steps)
    for step, described in zip(report.steps, flow.steps, strict=True):
        shared = {name: getattr(step, name) for name in described.__struct_fields__}
        assert shared == {name: getattr(described, name) for name in described.__struct_fields__}


def test_the_steps_are_what_hooks_on_the_modules_see() -> None:
    model = build(describe(CONFIG), ForwardOptions(attention="explicit"))
    seen: list[tuple[str, tuple[int, ...], float]] = []

    def see(path: str) -> Any:
        def note(_module: object, _inputs: object, out: Tensor) -> None:
            seen.append((path, tuple(out.shape), float(out[out > float("-inf")].mean())))  # the mask's -inf left out

        return note

    for path, module in model.named_modules():
        if path and not isinstance(module, nn.ModuleList) and not path.rpartition(".")[2].isdigit():
            module.register_forward_hook(see(path))
    with torch.no_grad():
        model(torch.tensor(BATCH))
    steps = by_path(traced())
    assert [path for path, *_ in seen] == list(steps)
    for path, shape, mean in seen:
        assert steps[path].shape == shape
        assert steps[path].mean == pytest.approx(mean, abs=1e-6)


def naive_outputs() -> dict[str, Tensor]:
    """Run the lecture's network on our weights; return what its modules give, and what its attention works out."""
    model = build(describe(CONFIG), ForwardOptions(attention="explicit"))
    naive = NaiveGPT({name: getattr(CONFIG, name) for name in CONFIG.__struct_fields__}).eval()
    weights = model.state_dict()
    with torch.no_grad():
        for path, tensor in as_ours(naive).items():
            tensor.copy_(weights[path]) if "c_attn" not in path else None
        outputs: dict[str, Tensor] = {}
        for index, block in enumerate(naive.trf_blocks):
            assert isinstance(block, NaiveBlock)
            rows = weights[f"h.{index}.attn.c_attn.weight"].chunk(3)
            for layer, row in zip((block.att.W_query, block.att.W_key, block.att.W_value), rows, strict=True):
                layer.weight.copy_(row)
            _keep(outputs, block.norm1, f"h.{index}.ln_1")
            _keep(outputs, block.att, f"h.{index}.attn")
            _keep(outputs, block.ff.layers[0], f"h.{index}.mlp.c_fc")
            _keep(outputs, block.ff.layers[1], f"h.{index}.mlp.act")
            _keep(outputs, block.ff, f"h.{index}.mlp")
            _keep(outputs, block, f"h.{index}.add_2")
        _keep(outputs, naive.tok_emb, "wte")
        _keep(outputs, naive.final_norm, "ln_f")
        outputs["lm_head"] = naive(torch.tensor(BATCH))
        for index, block in enumerate(naive.trf_blocks):
            assert isinstance(block, NaiveBlock)
            outputs |= _attention(block, outputs[f"h.{index}.ln_1"], f"h.{index}.attn")
    return outputs


def _keep(outputs: dict[str, Tensor], module: nn.Module, path: str) -> None:
    module.register_forward_hook(lambda _module, _inputs, out: outputs.__setitem__(path, out))


def _attention(block: NaiveBlock, x: Tensor, path: str) -> dict[str, Tensor]:
    """Work the steps inside attention out text by text, head by head."""
    width = block.att.head_width
    scores = torch.stack([
        torch.stack([
            (text @ block.att.W_query.weight[head * width : (head + 1) * width].T)
            @ (text @ block.att.W_key.weight[head * width : (head + 1) * width].T).T
            / width**0.5
            for head in range(block.att.heads)
        ])
        for text in x
    ])  # fmt: skip
    allowed = torch.ones(x.shape[1], x.shape[1]).tril().bool()
    weights = torch.where(allowed, scores, -torch.inf).softmax(-1)
    return {f"{path}.scores": scores, f"{path}.mask": scores[:, :, allowed], f"{path}.softmax": weights}


def test_figures_are_those_of_the_lectures_network() -> None:
    steps = by_path(traced())
    outputs = naive_outputs()
    assert len(outputs) == 3 + 3 * 9
    for path, x in outputs.items():
        step, exact = steps[path], x.double()
        wanted = (exact.mean(), exact.std(correction=0), exact.min(), exact.max())
        found = (step.mean, step.std, step.min, step.max)
        assert found == pytest.approx(tuple(map(float, wanted)), abs=2e-5), path
        if not path.endswith("mask"):
            assert step.zeros == int((x == 0).sum()), path
    assert steps["h.1.attn.mask"].ignored == 2 * 3 * 10
    assert all(step.ignored == 0 for path, step in steps.items() if not path.endswith("mask"))


def test_the_run_is_the_one_of_forward() -> None:
    plain = run_forward(describe(CONFIG), BATCH, ForwardOptions(attention="explicit"), pad_id=0, token_text=str)
    report = traced()
    for name in ("input_ids", "lengths", "logits", "next_tokens", "stages", "parameters"):
        assert getattr(report, name) == getattr(plain, name)


@pytest.mark.parametrize(("attention", "dtype"), [("explicit", "fp32"), ("sdpa", "bf16")])
def test_saved_tensors_are_those_of_the_steps(tmp_path: Path, attention: AttentionPath, dtype: str) -> None:
    target = tmp_path / "x.safetensors"
    report = traced(save=target, attention=attention, dtype=dtype)
    saved = load_file(target)
    model = build(describe(CONFIG), ForwardOptions(attention=attention, dtype=dtype))
    outputs: dict[str, Tensor] = {}
    with torch.no_grad(), observed(model, lambda path, x: outputs.__setitem__(path, x.clone())):
        logits = model(torch.tensor(BATCH))
    assert list(outputs) == [step.path for step in report.steps]
    assert set(saved) == {"input_ids", "logits", *outputs}
    assert torch.equal(saved.pop("input_ids"), torch.tensor(BATCH))
    assert torch.equal(saved["logits"], logits.float())
    assert saved.pop("logits").dtype == torch.float32
    for path, x in outputs.items():
        assert saved[path].dtype == x.dtype
        assert torch.equal(saved[path], x), path


def test_tracing_takes_no_more_memory_than_the_pass_but_a_portion() -> None:
    config = ModelConfig(vocab_size=300, context_length=128, emb_dim=96, n_heads=4, n_layers=4)
    flow = flow_report(describe(config), tokens=128)
    model = build(describe(config), ForwardOptions(attention="explicit"))
    ids = torch.zeros(1, 128, dtype=torch.long)

    def peak(tracer: Tracer | None) -> int:
        with torch.no_grad(), LiveBytes([*model.parameters(), ids]) as live:
            if tracer is None:
                model(ids)
            else:
                with observed(model, tracer):
                    model(ids)
        bytes_: int = live.peak
        return bytes_

    largest = max(step.bytes for step in flow.steps)
    figures = 64 * 6 * len(flow.steps)
    assert peak(Tracer(flow.steps)) - peak(None) <= 4 * min(largest, 2**17) + figures


def test_of_every_step_before_the_last_nothing_is_alive() -> None:
    """What the network itself holds is alive; a tensor that only the tracer could hold is not."""

    def alive(tracer: Tracer | None) -> list[int]:
        model = build(describe(CONFIG), ForwardOptions(attention="explicit"))
        seen: list[ref[Tensor]] = []
        counts: list[int] = []

        def note(path: str, x: Tensor) -> None:
            if tracer is not None:
                tracer(path, x)
            counts.append(sum(each() is not None and each() is not x for each in seen))
            seen.append(ref(x))

        with torch.no_grad(), observed(model, note):
            model(torch.tensor(BATCH))
        return counts

    assert alive(Tracer(flow_of().steps)) == alive(None)


def test_times_add_up() -> None:
    report = traced()
    steps = by_path(report)
    assert all(step.seconds >= 0 for step in report.steps)
    assert report.steps_seconds == pytest.approx(sum(step.seconds for step in report.steps if not step.group))
    group = steps["h.0.attn"]
    inside = sum(step.seconds for path, step in steps.items() if path.startswith("h.0.attn."))
    assert inside <= group.seconds < inside + 0.1


@pytest.mark.parametrize(
    ("weight", "index", "value", "path", "word"),
    [
        ("h.1.mlp.c_fc.bias", 3, float("nan"), "h.1.mlp.c_fc", "nan"),
        ("h.2.ln_1.weight", 0, float("inf"), "h.2.ln_1", "inf"),
        ("wpe.weight", 2, float("-inf"), "wpe", "-inf"),
    ],
)
def test_the_first_step_that_is_not_finite_is_named(
    monkeypatch: pytest.MonkeyPatch, weight: str, index: int, value: float, path: str, word: str
) -> None:
    def spoiled(*arguments: Any) -> Any:
        model = build(*arguments)
        with torch.no_grad():
            model.get_parameter(weight)[index] = value
        return model

    monkeypatch.setattr("gptcli.model.forward.build", spoiled)
    report = traced()
    found = by_path(report)[path]
    assert report.first_not_finite == path
    assert (found.mean, found.max) == (None, None)
    assert found.not_finite == word or (word == "inf" and found.not_finite == "-inf")


def test_a_mask_is_no_finding() -> None:
    assert traced().first_not_finite is None


def test_attention_maps_are_the_softmax_of_each_text() -> None:
    batch = [[5, 9, 2, 44], [3, 1]]
    report = traced(batch, TraceOptions(map_blocks=[1], map_heads=[0, 2]))
    assert report.attention_maps is not None
    assert [(m.text, m.block, m.head, len(m.weights)) for m in report.attention_maps] == [
        (0, 1, 0, 4), (0, 1, 2, 4), (1, 1, 0, 2), (1, 1, 2, 2),
    ]  # fmt: skip
    for each in report.attention_maps:
        for row, weights in enumerate(each.weights):
            assert sum(weights) == pytest.approx(1, abs=1e-6)
            assert all(weight == 0 for weight in weights[row + 1 :])
    alone = traced(batch[1:], TraceOptions(map_blocks=[1], map_heads=[2])).attention_maps
    assert alone is not None
    assert torch.tensor(alone[0].weights).allclose(torch.tensor(report.attention_maps[3].weights), atol=1e-6)


def test_the_lens_behind_the_last_block_is_the_prediction() -> None:
    report = traced([[5, 9, 2, 44], [3, 1]], TraceOptions(lens=True))
    assert report.logit_lens is not None
    assert [row.block for row in report.logit_lens] == [None, 0, 1, 2]
    assert [row.path for row in report.logit_lens] == ["drop", "h.0.add_2", "h.1.add_2", "h.2.add_2"]
    for text, candidates in enumerate(report.next_tokens):
        last = report.logit_lens[-1].next_tokens[text]
        assert [each.id for each in last] == [each.id for each in candidates]
        assert [each.logit for each in last] == pytest.approx([each.logit for each in candidates], abs=1e-5)
    assert report.logit_lens[0].next_tokens != report.logit_lens[-1].next_tokens


def test_a_tensor_is_printed_as_torch_prints_it(tmp_path: Path) -> None:
    report = traced(wanted=TraceOptions(tensor="h.1.mlp.act"), save=tmp_path / "x")
    assert report.tensor is not None
    assert report.tensor.text == str(load_file(tmp_path / "x")["h.1.mlp.act"])
    assert report.tensor.shape == (2, 5, 96)


def test_what_was_not_asked_for_is_absent() -> None:
    report = traced()
    assert (report.attention_maps, report.logit_lens, report.tensor) == (None, None, None)


def test_with_dropout_the_random_numbers_are_those_of_forward() -> None:
    options = ForwardOptions(attention="explicit", dropout=True)
    plain = run_forward(describe(CONFIG), BATCH, options, pad_id=0, token_text=str)
    report = traced(dropout=True)
    assert report.next_tokens == plain.next_tokens
    steps = by_path(report)
    assert steps["h.0.attn.drop"].zeros > steps["h.0.attn.softmax"].zeros
