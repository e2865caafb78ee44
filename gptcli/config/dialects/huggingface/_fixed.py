"""Keys that the class of a family lacks, or that its code does not read: what transformers does anyway."""

from gptcli.config.dialects.huggingface._family import Reading
from gptcli.config.dialects.huggingface._settings import Settings


def always(**does: object) -> Reading:
    """Note of keys that transformers computes something whatever they say, where they say something else."""

    def read(has: Settings) -> dict[str, object]:
        for key, usual in does.items():
            if has.gives(key) and has.value(key) != usual:
                entry = has.entry(key)
                has.notes.append(
                    f"{entry.place}: {key} {entry.text} is not read by transformers, which does as if {usual}"
                )
        return {}

    return Reading(tuple(does), read)
