"""When each token came."""

from time import perf_counter
from typing import Any

Seconds = tuple[float, float]  # until the first token, and for each token after it


class Clock:
    """Notes when each token came; a listener of ours, and a streamer of transformers."""

    def __init__(self) -> None:
        self.times = [perf_counter()]

    def add(self, _token_id: int) -> bool:
        """Take a token; never the last."""
        self.times.append(perf_counter())
        return False

    def put(self, _value: Any) -> None:
        """Take what a streamer of transformers is given: the prompt first, then token by token."""
        self.add(0)

    def end(self) -> None:
        """Take the end of a stream."""

    def seconds(self, first: int) -> Seconds:
        """Return the time to the first token, which came as event ``first``, and the mean of those after it."""
        start, *_ = self.times
        after = len(self.times) - 1 - first
        return self.times[first] - start, (self.times[-1] - self.times[first]) / after
