"""Which texts name a model of the Hub, and which can only be something else."""

import pytest

from gptcli.hub import HubName, parse_hub_name


@pytest.mark.parametrize(
    ("text", "repository", "revision"),
    [
        ("me/my-gpt", "me/my-gpt", None),
        ("distilgpt2", "distilgpt2", None),
        ("EleutherAI/gpt-neo-1.3B", "EleutherAI/gpt-neo-1.3B", None),
        ("me/my-gpt@v1.0", "me/my-gpt", "v1.0"),
        ("me/my-gpt@refs/pr/12", "me/my-gpt", "refs/pr/12"),
        ("hf:me/my-gpt", "me/my-gpt", None),
        ("hf://me/my-gpt@main", "me/my-gpt", "main"),
        ("https://huggingface.co/me/my-gpt", "me/my-gpt", None),
        ("https://huggingface.co/me/my-gpt/", "me/my-gpt", None),
        ("https://hf.co/me/my-gpt/tree/v1", "me/my-gpt", "v1"),
        ("hf://me/looks-like.bin", "me/looks-like.bin", None),
    ],
)
def test_names(text: str, repository: str, revision: str | None) -> None:
    name = parse_hub_name(text)
    assert name == HubName(repository, revision)
    assert name.model == repository.rpartition("/")[2]
    assert name.has_owner is ("/" in repository)
    assert parse_hub_name(str(name)) == (name if not text.endswith(".bin") else None)


_REVISIONS = [
    "",
    "..",
    "a/../../b",
    "/etc/passwd",
    "a//b",
    ".hidden",
    "a/.b",
    "v1/",
    "v1.",
    "-v",
    "a b",
    "é",
    "x" * 300,
]


@pytest.mark.parametrize("revision", _REVISIONS)
def test_a_revision_leads_nowhere_else(revision: str) -> None:
    assert parse_hub_name(f"me/my-gpt@{revision}") is None


@pytest.mark.parametrize(
    "text",
    [
        "", "a/b/c", "./gpt2", "../gpt2", "/gpt2", "~/gpt2", "me/", "me/model.pth", "config.json", "me\\gpt", "a b",
        "me/x.git", "a--b", "a..b", "https://example.com/me/my-gpt", "hf:", "me/x\n", "me/\0",
    ],
)  # fmt: skip
def test_what_is_no_name(text: str) -> None:
    assert parse_hub_name(text) is None
