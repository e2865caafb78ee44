"""Models of text and images: their ``text_config`` is the decoder."""

from collections.abc import Mapping

from msgspec.structs import replace

from gptcli.config.dialects.huggingface._settings import written
from gptcli.config.entries import Entry

# What the whole says of the text's part too.
_OF_THE_WHOLE = ("quantization_config", "_name_or_path", "auto_map")
# Model types whose text_config may leave its own out.
_TEXT = {
    "gemma3": "gemma3_text", "llama4": "llama4_text", "mistral3": "mistral", "llava": "llama", "llava_next": "llama",
    "pixtral": "mistral", "paligemma": "gemma", "idefics3": "llama", "smolvlm": "llama",
}  # fmt: skip


def taken_out(entries: Mapping[str, Entry], notes: list[str]) -> Mapping[str, Entry]:
    """Return the entries of the decoder: a model's own, or those of its text_config."""
    text = entries.get("text_config")
    if text is None or not isinstance(text.value, dict):
        return entries
    found = {
        str(key): replace(text, value=value, text=written(value), key=f"text_config.{key}")
        for key, value in text.value.items()
    }
    whole = entries.get("model_type")
    if "model_type" not in found and whole is not None and isinstance(whole.value, str) and whole.value in _TEXT:
        found["model_type"] = replace(whole, value=_TEXT[whole.value])
    if "tie_word_embeddings" in entries:  # the head belongs to the whole
        found["tie_word_embeddings"] = entries["tie_word_embeddings"]
    kind = f" of {whole.value}" if whole is not None else ""
    notes.append(f"{text.place}: text_config{kind} is taken; what reads images or sound is left out")
    return {**{key: entries[key] for key in _OF_THE_WHOLE if key in entries}, **found}
