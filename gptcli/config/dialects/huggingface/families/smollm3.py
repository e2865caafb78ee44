"""SmolLM 3: every fourth layer is without positions."""

from gptcli.config.dialects.huggingface._family import but, reads
from gptcli.config.dialects.huggingface._layers import FULL, SLIDING, both, listed_pattern, no_rope
from gptcli.config.dialects.huggingface._rope import rope
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families.llama import FAMILY as LLAMA


@reads("no_rope_layers", "no_rope_layer_interval", "use_sliding_window", "sliding_window", "layer_types")
def layers(has: Settings) -> dict[str, object]:
    """Layers without positions are marked with 0; a window counts where use_sliding_window does."""
    pattern = no_rope(has, rotated="F")
    if not has.flag("use_sliding_window"):
        return {"layer_pattern": pattern}
    return local(has, pattern)


def local(has: Settings, pattern: str) -> dict[str, object]:
    """Lay a window over the layers that have one: those of layer_types, or by default those without positions."""
    window = has.maybe_whole("sliding_window")
    if window is None:
        return {"layer_pattern": pattern}
    kinds = listed_pattern(has, "layer_types", {FULL: "F", SLIDING: "L"})
    if kinds is None:
        return {"layer_pattern": pattern.replace("N", "M"), "sliding_window": window}
    return {"layer_pattern": both(has, pattern, kinds), "sliding_window": window}


FAMILY = but(LLAMA, rope(2e6), layers)
