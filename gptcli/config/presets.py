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
}
_OWNER = re.compile(r"^openai(?:-community)?/")
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
