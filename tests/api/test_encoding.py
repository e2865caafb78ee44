"""Texts and targets that a model cannot take are refused with a way out that works."""

import pytest

from gptcli.api.encoding import encode_batch
from gptcli.api.targets import wanted_targets
from gptcli.config import load_config
from gptcli.errors import InputProblemsError


def test_no_way_out_changes_the_vocabulary_of_stored_weights() -> None:
    small = load_config("tiny", set_values=["vocab_size=300"], environ={}).config
    for stored, way_out in ((True, "; leave it out"), (False, "; use --set vocab_size=50257")):
        for targets in (None, ["moves"]):
            texts = ["!!"] if targets else ["moves"]
            with pytest.raises(InputProblemsError, match=way_out):
                batch = encode_batch(texts, small, allow_special=False, stored=stored)
                wanted_targets(
                    batch, small, loss=False, targets=targets, allow_special=False, names=["x"], stored=stored
                )
