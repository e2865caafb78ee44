"""Numbers as people read them."""

from math import inf

import pytest

from gptcli.render.units import significant


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (54433.51, "54,430"),
        (54433.56, "54,430"),
        (54435.01, "54,440"),
        (9999.7, "10,000"),
        (29.4136, "29.41"),
        (1.0, "1.000"),
        (0.0012345, "0.001234"),
        (2_000_000_000.0, "2.000e+09"),
        (999_999_999.0, "1.000e+09"),
        (0.0, "0"),
        (inf, "inf"),
    ],
)
def test_no_more_digits_than_are_asked_for(number: float, written: str) -> None:
    assert significant(number, 4) == written
