"""The config classes of transformers as data: ``python -m tools.huggingface_classes --write``.

gptcli reads a ``config.json`` as transformers does, without importing it: which keys a ``model_type`` has, what an
absent one is, and which may be null.
"""

import dataclasses
import json
import sys
import typing
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "gptcli" / "config" / "dialects" / "huggingface" / "classes.json"


def families() -> list[str]:
    """Return the model types that gptcli reads: one file each."""
    folder = FILE.parent / "families"
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def described(model_type: str) -> dict[str, Any]:
    """Return the class of a model type: name, keys with defaults, other names of keys, what may be null."""
    from transformers import PretrainedConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    config_class = CONFIG_MAPPING[_known(model_type)]
    shared = {field.name for field in dataclasses.fields(PretrainedConfig)} | {"model_type"}
    fields = [field for field in dataclasses.fields(config_class) if field.name not in shared]
    keys = {field.name: _default(field) for field in fields if not field.name.startswith("base_model_")}
    nullable = {field.name for field in fields if _may_be_null(field.type)}
    for other, key in config_class.attribute_map.items():
        if other in keys and key not in keys:  # the field goes by its other name, and is kept by this one
            keys[key] = keys.pop(other)
            nullable |= {key} if other in nullable else set()
    return {
        "name": config_class.__name__,
        "keys": keys,
        "nullable": [name for name in keys if name in nullable],
        "aliases": dict(config_class.attribute_map),
        "even": "validate_architecture" in vars(config_class),
    }


def _known(model_type: str) -> str:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    names = {name.replace("-", "_"): name for name in CONFIG_MAPPING}
    return names[model_type]


def _may_be_null(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return "None" in annotation
    return type(None) in typing.get_args(annotation)


def _default(field: "dataclasses.Field[Any]") -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def document() -> str:
    """Return the data, a class a line."""
    import transformers

    lines = [f"{json.dumps(name)}: {json.dumps(described(name))}" for name in families()]
    return f'{{"transformers": "{transformers.__version__}", "classes": {{\n' + ",\n".join(lines) + "\n}}\n"


if __name__ == "__main__":
    if "--write" in sys.argv:
        FILE.write_text(document(), encoding="utf-8")
    else:
        sys.stdout.write(document())
