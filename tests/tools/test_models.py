"""``python -m tools.models --check``: docs/models.md lists every family as the tree has it; without a measurement."""

import sys
from pathlib import Path

import pytest

from gptcli.config.dialects.huggingface._translate import known_families
from tools import models


def checked(monkeypatch: pytest.MonkeyPatch, page: Path | None = None) -> int:
    monkeypatch.setattr(sys, "argv", ["models", "--check"])
    monkeypatch.setattr(models, "measured", lambda family: pytest.fail(f"{family} is measured"))
    if page is not None:
        monkeypatch.setattr(models, "PAGE", page)
    return models.main()


def test_the_page_lists_every_family_that_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(models.stated()) == set(known_families())
    assert checked(monkeypatch) == 0


@pytest.mark.parametrize(
    ("old", "new"), [("RMSNorm", "LayerNorm"), ("| llama |", "| lama |"), ("89 configs", "88 configs")]
)
def test_a_page_that_differs_is_found(
    old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "models.md"
    page.write_text(models.PAGE.read_text().replace(old, new))
    assert checked(monkeypatch, page) == 1
    assert "python -m tools.models" in capsys.readouterr().err


def test_a_family_without_a_config_in_the_data_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(models, "known_families", lambda: (*known_families(), "newcomer"))
    assert checked(monkeypatch) == 1
    assert "no config in tests/data/decoders: newcomer" in capsys.readouterr().err
