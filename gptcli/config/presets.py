"""The configs that come with gptcli."""

import re
from functools import cache
from pathlib import Path

# In a wheel the files lie beside this module (see pyproject.toml); in a checkout at the top of the repository.
_PACKAGED = Path(__file__).parent / "presets"
_CHECKOUT = Path(__file__).parents[2] / "configs"

# What people call the sizes: OpenAI's names of its downloads, the counts of its first tables (which were wrong), the
# words of the lecture. The 124M is the lecture's, as it is in "gpt2-124m".
_SIZES: dict[str, tuple[str, ...]] = {
    "gpt2": ("117m",),
    "gpt2-124m": ("124m", "163m"),
    "gpt2-medium": ("345m", "355m"),
    "gpt2-large": ("762m", "774m"),
    "gpt2-xl": ("1.5b", "1542m", "1558m"),
    "gpt3-175b": ("175b",),
}
_SPELLINGS: dict[str, str] = {
    **{size: preset for preset, sizes in _SIZES.items() for size in sizes},
    **{f"{preset[:4]}-{size}": preset for preset, sizes in _SIZES.items() for size in sizes},
    **{f"gpt-config-{size}": preset for preset, sizes in _SIZES.items() for size in sizes},
    **dict.fromkeys(("gpt2-small", "gpt2-base"), "gpt2"),
    **dict.fromkeys(("gpt3", "gpt3-davinci", "davinci"), "gpt3-175b"),
    **{f"meta-llama-{size}": f"llama-{size}" for size in ("3.2-1b", "3.1-8b", "3.1-405b")},
    **{f"llama{size}": f"llama-{size}" for size in ("3.2-1b", "3.1-8b", "3.1-405b")},
    **dict.fromkeys(("mistral", "mistral-7b-v0.1"), "mistral-7b"),
    **dict.fromkeys(("mixtral", "mixtral-8x7b-v0.1"), "mixtral-8x7b"),
    **dict.fromkeys(("gemma3-270m", "gemma-3-270m-pt"), "gemma-3-270m"),
    **dict.fromkeys(("qwen-3-0.6b", "qwen3-0.6b-base"), "qwen3-0.6b"),
    **dict.fromkeys(("qwen-3-30b-a3b", "qwen3-30b-a3b-base"), "qwen3-30b-a3b"),
    **dict.fromkeys(("olmo2-7b", "olmo-2-1124-7b"), "olmo-2-7b"),
    **dict.fromkeys(("deepseek", "deepseekv3", "deepseek-v3-base"), "deepseek-v3"),
    **dict.fromkeys(("smollm3", "smollm3-3b-base"), "smollm3-3b"),
    **dict.fromkeys(("phi4",), "phi-4"),
    **dict.fromkeys(("gpt-oss", "gptoss-20b"), "gpt-oss-20b"),
}
_OWNER = re.compile(
    r"^(?:openai(?:-community)?|meta-llama|mistralai|qwen|google|allenai|microsoft|deepseek-ai|huggingfacetb|eleutherai)/"
)
_SIZE_IN_BRACKETS = re.compile(r" *\([0-9.]+ *[mb]\)$")


@cache
def preset_paths() -> dict[str, Path]:
    """Return the packaged configs by name, in alphabetical order."""
    folder = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def preset_named(name: str) -> str | None:
    """Return the preset of a name in any usual spelling, or None.

    ``GPT2-XL``, ``gpt2-small``, ``openai-community/gpt2``, ``gpt2-1.5b``, ``355M``, ``gpt2-medium (355M)``.
    """
    lowered = _OWNER.sub("", name.strip().lower())
    spelled = _SIZE_IN_BRACKETS.sub("", lowered).replace("_", "-").replace(" ", "-")
    spelled = re.sub(r"^gpt-(?=[23](?:-|$))", "gpt", spelled)
    found = _SPELLINGS.get(spelled, spelled)
    return found if found in preset_paths() else None


def preset_spellings() -> tuple[str, ...]:
    """Return every name that a preset goes by, its own first; for the nearest to a slip of the hand."""
    return (*preset_paths(), *_SPELLINGS)


def preset_summary(path: Path) -> str:
    """Return the first comment line of a preset, which says in one line what it is."""
    first = path.read_text(encoding="utf-8").splitlines()[0]
    return first.removeprefix("#").strip()
