"""Command R7B (Cohere 2024): three local layers to a full one without positions."""

from gptcli.config.dialects.huggingface._family import but, reads
from gptcli.config.dialects.huggingface._layers import FULL, SLIDING, every_pattern, listed_pattern, windowed
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families.cohere import COHERE


@reads("layer_types", "sliding_window", "sliding_window_pattern")
def layers(has: Settings) -> dict[str, object]:
    """Local layers are rotated, full ones are not."""
    word = listed_pattern(has, "layer_types", {FULL: "N", SLIDING: "L"})
    if word is None:
        every = has.whole("sliding_window_pattern") if has.gives("sliding_window_pattern") else 4
        word = every_pattern(every, "L", "N")
    return windowed(has, word, has.maybe_whole("sliding_window"))


FAMILY = but(COHERE, layers)
