"""A command describes each config that it looks at once, and passes that one value on."""

from collections import Counter

import pytest

from gptcli.architecture import plan
from tests.conftest import Cli


@pytest.fixture
def described(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a network of each model was built."""
    found: Counter[str] = Counter()
    build = plan.build

    def counted(asked: plan.Plan, *args: object) -> object:
        found[asked.config.name] += 1
        return build(asked, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(plan, "build", counted)
    return found


@pytest.mark.parametrize(
    "command",
    [
        ("params",),
        ("params", "--json"),
        ("params", "--explain"),
        ("memory",),
        ("memory", "--mode", "training"),
        ("memory", "--mode", "generate", "--attention", "explicit"),
        ("flops",),
        ("flops", "--attention", "explicit", "--explain"),
        ("flow",),
        ("flow", "--attention", "sdpa", "--json"),
        ("flow", "--format", "html"),
        ("fit", "--budget", "1GiB"),
        ("fit", "--budget", "1GiB", "--mode", "inference", "--attention", "explicit"),
    ],
    ids=" ".join,
)
def test_once_for_one_model(command: tuple[str, ...], cli: Cli, described: Counter[str]) -> None:
    assert cli(*command, "-c", "tiny").code == 0
    assert described == {"tiny": 1}


def test_once_for_each_of_several(cli: Cli, described: Counter[str]) -> None:
    assert cli("compare", "tiny", "gpt2", "gpt2-medium").code == 0
    assert described == {"tiny": 1, "gpt2": 1, "gpt2-medium": 1}


@pytest.mark.parametrize("command", [("forward", "Hi"), ("trace", "Hi"), ("generate", "Hi", "-n", "2")], ids=" ".join)
def test_once_where_the_network_runs(command: tuple[str, ...], cli: Cli, described: Counter[str]) -> None:
    assert cli(*command, "-c", "tiny").code == 0
    assert described == {"tiny": 1}
