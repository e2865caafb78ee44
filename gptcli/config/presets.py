"""The configs that come with gptcli."""

from functools import cache
from pathlib import Path

# In a wheel the files lie beside this module (see pyproject.toml); in a checkout at the top of the repository.
_PACKAGED = Path(__file__).parent / "presets"
_CHECKOUT = Path(__file__).parents[2] / "configs"


@cache
def preset_paths() -> dict[str, Path]:
    """Return the packaged configs by name, in alphabetical order."""
    folder = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def preset_summary(path: Path) -> str:
    """Return the first comment line of a preset, which says in one line what it is."""
    first = path.read_text(encoding="utf-8").splitlines()[0]
    return first.removeprefix("#").strip()
