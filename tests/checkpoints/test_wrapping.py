"""Names with the words of training programs around them, before and inside, in any order: what remains is read."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gptcli.api.weights import load_weights
from gptcli.checkpoints.wrapping import unwrapped
from gptcli.model.load import load_model
from tests.checkpoints import peers
from tests.checkpoints.peers import IDS, SHAPES

pytestmark = pytest.mark.filterwarnings("ignore")
SIZES = SHAPES[1]
Rename = Callable[[str], str]


def _before(prefix: str) -> Rename:
    return lambda name: prefix + name


def _after_block(word: str, at: int = 3) -> Rename:
    def rename(name: str) -> str:
        words = name.split(".")
        return ".".join([*words[:at], word, *words[at:]]) if ".h." in f".{name}" or "blocks" in name else name

    return rename


def _around_linear(word: str) -> Rename:
    return lambda name: name.replace("c_attn.", f"c_attn.{word}.").replace("c_fc.", f"c_fc.{word}.")


def _own_body(name: str) -> str:
    """A class with the body as a member of its own name, and the head beside it."""
    return name if name.startswith("lm_head") else f"gpt.{name.removeprefix('transformer.')}"


def _both(one: Rename, other: Rename) -> Rename:
    return lambda name: one(other(name))


RENAMED: dict[str, Rename] = {
    "Lightning": _before("model."),
    "DDP of a Lightning module": _before("module.model."),
    "compiled, then DDP": _before("module._orig_mod."),
    "DDP, then compiled": _before("_orig_mod.module."),
    "opacus": _before("_module."),
    "FSDP": _before("_fsdp_wrapped_module."),
    "Lightning's strategies": _before("_forward_module.model."),
    "TRL": _before("pretrained_model."),
    "PEFT without adapters": _before("base_model.model."),
    "somebody's own": _before("learner.network.net."),
    "body of another name": _own_body,
    "body of another name, in a module": _both(_before("model."), _own_body),
    "checkpointed blocks": _after_block("_checkpoint_wrapped_module"),
    "compiled blocks in DDP": _both(_before("module."), _after_block("_orig_mod")),
    "FSDP of FSDP blocks": _both(
        _before("_fsdp_wrapped_module."), _after_block("_fsdp_wrapped_module._checkpoint_wrapped_module")
    ),
    "blocks in a class": _after_block("inner"),
    "blocks in two": _both(_before("net."), _after_block("checkpointed.body")),
    "linear layers in a class": _around_linear("base_layer"),
}  # fmt: skip


@pytest.mark.parametrize("rename", RENAMED.values(), ids=RENAMED)
def test_gpt2_in_wrappers(tmp_path: Path, rename: Rename) -> None:
    model = peers.hugging_face(SIZES)
    path = tmp_path / "last.ckpt"
    torch.save({"state_dict": {rename(name): value for name, value in model.state_dict().items()}}, path)
    recognised = load_weights(str(path), set_values=[f"n_heads={SIZES['n_heads']}"]).recognised
    assert recognised.matched is not None
    assert not recognised.matched.unexpected
    with torch.no_grad():
        got = load_model(recognised, dtype=torch.float32)(IDS)
    torch.testing.assert_close(got, peers.logits_of(model), atol=1e-4, rtol=0)
    assert any(finding.kind == "wrapped" for finding in recognised.findings)


@pytest.mark.parametrize("rename", [_before("net."), _after_block("inner", at=2)], ids=["before", "inside"])
def test_the_lectures_in_wrappers(tmp_path: Path, rename: Rename) -> None:
    model = peers.lecture(SIZES)
    path = tmp_path / "model.pth"
    torch.save({rename(name): value for name, value in model.state_dict().items()}, path)
    recognised = load_weights(str(path), set_values=[f"n_heads={SIZES['n_heads']}"]).recognised
    with torch.no_grad():
        got = load_model(recognised, dtype=torch.float32)(IDS)
    torch.testing.assert_close(got, peers.logits_of(model), atol=1e-4, rtol=0)


def _known(name: str) -> bool:
    return name in {"wte.weight", "h.0.mlp.c_fc.weight", "h.0.mlp.c_proj.weight", "lm_head.weight"}


def test_a_word_whose_removal_makes_another_tensors_name_stays() -> None:
    names = ["wte.weight", "h.0.mlp.c_fc.weight", "h.0.mlp.adapter.c_fc.weight", "h.0.mlp.adapter.c_proj.weight"]
    assert unwrapped(names, _known).names == {name: name for name in names}


def test_known_names_stay_as_they_are() -> None:
    wrapping = unwrapped(["wte.weight", "lm_head.weight", "model.value.weight"], _known)
    assert (wrapping.prefix, wrapping.inside) == ("", ())
    assert wrapping.names["model.value.weight"] == "model.value.weight"


def test_missing_tensors_are_named_as_the_file_would(tmp_path: Path) -> None:
    state = {f"module._orig_mod.{name}": value for name, value in peers.hugging_face(SIZES).state_dict().items()}
    del state["module._orig_mod.transformer.ln_f.bias"]
    path = tmp_path / "last.ckpt"
    torch.save(state, path)
    with pytest.raises(Exception, match=r"module\._orig_mod\.transformer\.ln_f\.bias: missing"):
        load_weights(str(path))
