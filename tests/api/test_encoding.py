"""Texts and targets that a model cannot take are refused with a way out that works."""

import pytest

from gptcli.api.encoding import encode_batch, pad_id
from gptcli.api.inputs import Given, Inputs
from gptcli.api.targets import wanted_targets
from gptcli.config import load_config
from gptcli.errors import InputProblemsError
from gptcli.tokenizer import GPT2
from gptcli.tokenizer.packaged import PackagedTokenizer

SMALL = load_config("tiny", set_values=["vocab_size=300"], environ={}).config


@pytest.mark.parametrize(("stored", "way_out"), [(True, "; leave it out"), (False, "; use --set vocab_size=50257")])
def test_no_way_out_changes_the_vocabulary_of_stored_weights(stored: bool, way_out: str) -> None:
    with pytest.raises(InputProblemsError, match=f"text 1: .*{way_out}"):
        encode_batch(["moves"], SMALL, allow_special=False, stored=stored)
    batch = encode_batch(["!"], SMALL, allow_special=False, stored=stored)
    inputs = Inputs(Given(["!"], None, ["x"]), batch, GPT2, ())
    with pytest.raises(InputProblemsError, match=f"--targets 1: .*{way_out}"):
        wanted_targets(inputs, SMALL, loss=False, targets=[" moves"], allow_special=False, stored=stored)


def test_only_gpt2s_encoding_pads_with_its_end_of_text() -> None:
    large = load_config("tiny", environ={}).config
    assert (pad_id(large), pad_id(SMALL), pad_id(large, None), pad_id(large, PackagedTokenizer())) == (50256, 0, 0, 0)
