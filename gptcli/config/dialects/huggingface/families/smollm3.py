"""SmolLM 3: every fourth layer is without positions."""

from gptcli.config.dialects.huggingface._family import but, reads
from gptcli.config.dialects.huggingface._layers import no_rope
from gptcli.config.dialects.huggingface._rope import rope
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families.llama import FAMILY as LLAMA
from gptcli.config.pattern import letters, shortened


@reads("no_rope_layers", "no_rope_layer_interval", "use_sliding_window", "sliding_window", "layer_types")
def layers(has: Settings) -> dict[str, object]:
    """Layers without positions are marked with 0; a window counts where use_sliding_window does."""
    pattern = no_rope(has, rotated="F")
    if not has.flag("use_sliding_window"):
        return {"layer_pattern": pattern}
    return local(has, pattern)


def local(has: Settings, pattern: str) -> dict[str, object]:
    """Lay a window over the layers that have one: those of layer_types, or by default those without positions."""
    window, kinds = has.maybe_whole("sliding_window"), has.listed("layer_types")
    if window is None:
        return {"layer_pattern": pattern}
    if kinds is None:
        raise has.refused("use_sliding_window", "but gptcli has no layers with a window and without positions")
    depth = has.whole("num_hidden_layers")
    rotated = letters(pattern, depth) if len(kinds) == depth else ""
    word = (rotated * depth)[:depth]
    if len(word) != len(kinds) or any(kind == "sliding_attention" and word[i] == "N" for i, kind in enumerate(kinds)):
        raise has.refused("layer_types", "but gptcli has no layers with a window and without positions")
    mixed = "".join("L" if kind == "sliding_attention" else word[i] for i, kind in enumerate(kinds))
    return {"layer_pattern": shortened(mixed), "sliding_window": window}


FAMILY = but(LLAMA, rope(2e6), layers)
