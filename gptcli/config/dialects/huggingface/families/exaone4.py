"""EXAONE 4: norms at the end of each branch, queries and keys normed, full layers without positions."""

from gptcli.config.dialects.huggingface._family import but, reads
from gptcli.config.dialects.huggingface._layers import FULL, SLIDING, every_pattern, listed_pattern, windowed
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families._llama_like import LLAMA_LIKE


@reads("layer_types", "sliding_window", "sliding_window_pattern")
def layers(has: Settings) -> dict[str, object]:
    """Local layers have positions and full ones none; without a window all are full and have positions."""
    window = has.maybe_whole("sliding_window")
    full = "F" if window is None else "N"
    word = listed_pattern(has, "layer_types", {FULL: full, SLIDING: "L"})
    if word is None:
        every = has.whole("sliding_window_pattern")
        if window is None or every <= 0:
            raise has.refused("sliding_window", "and layer_types is missing; write layer_types")
        word = every_pattern(every, "L", full)
    return windowed(has, word, window)


FAMILY = but(LLAMA_LIKE, layers, implied={"norm_position": "branch", "qk_norm": "head"})
