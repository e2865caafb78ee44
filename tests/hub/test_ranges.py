"""Parts of files at the Hub: no more is taken than was asked for, and no answer is taken for another."""

from collections.abc import Callable
from threading import Event

import pytest

from gptcli.hub import HubName
from gptcli.hub.failures import HubError, NoSuchFileError
from gptcli.hub.ranges import RemoteFile
from tests.hub.server import Handler, Hub, running_hub

_NAME = HubName("me/x")
_CONTENT = bytes(range(256)) * 8192  # 2 MiB


@pytest.fixture
def remote(hub: Hub) -> RemoteFile:
    hub.files["me/x", "f"] = _CONTENT
    return RemoteFile(_NAME, "f")


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 8), (8, 1000), (0, len(_CONTENT)), (len(_CONTENT) - 3, len(_CONTENT) + 50)]
)
def test_a_range(hub: Hub, remote: RemoteFile, start: int, stop: int) -> None:
    assert remote.read(start, stop) == (_CONTENT[start:stop], len(_CONTENT))
    assert hub.sent == len(_CONTENT[start:stop])


def test_beyond_the_end(hub: Hub, remote: RemoteFile) -> None:
    assert remote.read(len(_CONTENT), len(_CONTENT) + 1) == (b"", len(_CONTENT))
    hub.files["me/x", "f"] = b""
    assert remote.read(0, 8) == (b"", 0)


@pytest.mark.parametrize(("start", "stop"), [(0, 8), (8, 1000)])
def test_a_server_without_ranges_is_left_when_there_is_enough(
    hub: Hub, remote: RemoteFile, start: int, stop: int
) -> None:
    content = _CONTENT * 32
    hub.faults["f"] = lambda handler: handler.serve(content, ranges=False)
    assert remote.read(start, stop) == (_CONTENT[start:stop], len(content))
    assert hub.sent < len(content) // 2  # what lies in buffers on the way was sent too


def test_a_redirect_is_followed_and_the_token_stays_with_the_hub(
    hub: Hub, remote: RemoteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with running_hub() as elsewhere:
        elsewhere.files["me/x", "f"] = _CONTENT
        address = f"{elsewhere.endpoint.replace('127.0.0.1', 'localhost')}/me/x/resolve/main/f"
        hub.faults["f"] = lambda handler: handler.refuse(302, Location=address)
        assert remote.read(8, 16) == (_CONTENT[8:16], len(_CONTENT))
        assert [(each.range, each.authorization) for each in elsewhere.asked] == [("bytes=8-15", None)]
    assert [each.authorization for each in hub.asked if each.file == "f"] == ["Bearer hf_secret"]


def _partial(status: int, content: bytes, **headers: str) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        handler.head(status, len(content), **headers)
        handler.body(content)

    return answer


def _truncated(status: int, **headers: str) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        handler.head(status, 8, **headers)
        handler.body(b"abc")
        handler.close_connection = True

    return answer


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (_partial(206, b"abcdefgh", Content_Range="bytes 8-15/100"), "does not say which bytes it holds"),
        (_partial(206, b"abcdefgh"), "does not say which bytes it holds"),
        (_partial(206, b"abcdefgh", Content_Range="bytes 0-7/*"), "does not say which bytes it holds, or of how many"),
        (_partial(206, b"abc", Content_Range="bytes 0-7/100"), "ended after 3 of 8 bytes"),
        (_partial(206, b"abcdefgh", Content_Range="bytes 0-7/100", Content_Encoding="gzip"), "is compressed"),
        (_truncated(206, Content_Range="bytes 0-7/100"), "connection to the Hub failed|ended after 3 of 8 bytes"),
        (_truncated(200), "connection to the Hub failed|ended after 3 of 8 bytes"),
        (lambda handler: handler.head(416, 0), "does not say which bytes"),
        (lambda handler: handler.refuse(500), "answers with status 500"),
        (lambda handler: handler.refuse(401), "or it is private"),
        (lambda handler: handler.refuse(403, "GatedRepo"), "is gated"),
        (
            lambda handler: handler.refuse(302, Location="/me/x/resolve/main/f"),
            "connection to the Hub failed",
        ),  # for ever
        (lambda handler: handler.hang_up(), "connection to the Hub failed"),
    ],
)
def test_faults(hub: Hub, remote: RemoteFile, fault: Callable[[Handler], None], told: str) -> None:
    hub.faults["f"] = fault
    with pytest.raises(HubError, match=told):
        remote.read(0, 8)


def test_a_file_that_is_not_there(hub: Hub, remote: RemoteFile) -> None:
    with pytest.raises(NoSuchFileError, match="the Hub has no g for me/x"):
        RemoteFile(_NAME, "g").read(0, 8)


def test_a_server_that_falls_silent(remote: RemoteFile, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Event()
    monkeypatch.setattr("gptcli.hub.ranges.TIMEOUT", 0.05)
    hub.faults["f"] = lambda _handler: waiting.wait(10) and None
    try:
        with pytest.raises(HubError, match="timed out"):
            remote.read(0, 8)
    finally:
        waiting.set()
