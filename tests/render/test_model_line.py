"""The line that says which model the figures below it are about."""

import pytest

from gptcli.config import load_config
from gptcli.render.model_line import model_line


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("norm=rms_norm", "no QKV bias, RMSNorm, untied"),
        ("activation=gelu", "no QKV bias, exact GELU, untied"),
        ("weight_tying=true", "no QKV bias, tied"),
        ("norm=layer_norm", "no QKV bias, untied"),
    ],
)
def test_it_says_what_departs_from_the_lecture(setting: str, words: str) -> None:
    line = model_line(load_config("tiny", set_values=[setting], environ={}).config)
    assert line.plain == f"tiny  3 layers, 4 heads, 64 wide, context 256, {words}"
