"""The dictionaries of the lecture's author (Raschka, LLMs-from-scratch) for models after GPT-2.

They say sizes alone. His code for a model says what else it has; the keys of a dictionary tell which code it is for:
Llama 2, 3, 3.1 and 3.2, Qwen3 with and without experts, Gemma 3, OLMo 3 and Tiny Aya of chapter 5, or GPT-2 with
grouped heads, latent attention, windows or experts of chapter 4.
"""

from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from gptcli.config.dialects._dialect import Dialect, DialectKey, Entries
from gptcli.config.dialects._lecture_settings import dictionary
from gptcli.config.entries import Entry, Problem, Translation
from gptcli.config.pattern import shortened

_NAME = "the lecture's author"
_PLACE = "implied by the lecture's {}"
_LETTERS = {"sliding_attention": "L", "full_attention": "F"}

# Keys that say the same as ours under another name.
_RENAMED = {
    "n_kv_heads": "n_kv_groups",
    "moe_intermediate_size": "moe_hidden_dim",
    "latent_dim": "kv_lora_rank",
    "sliding_window_size": "sliding_window",
    "rms_norm_eps": "norm_eps",
    "layer_norm_eps": "norm_eps",
    "attention_bias": "qkv_bias",
    "attention_dropout": "attention_drop_rate",
    "drop_rate_emb": "embedding_drop_rate",
    "drop_rate_attn": "attention_drop_rate",
    "drop_rate_shortcut": "drop_rate",
    "tie_word_embeddings": "weight_tying",
    "rope_factor": "rope_factor",
    "rope_orig_max": "rope_original_length",
    "beta_fast": "rope_beta_fast",
    "beta_slow": "rope_beta_slow",
    "rope_type": "rope_scaling",
}
_SAME = (
    *("name", "vocab_size", "context_length", "emb_dim", "n_heads", "n_layers", "drop_rate", "qkv_bias"),
    *("hidden_dim", "n_kv_groups", "head_dim", "rope_base", "rope_local_base", "sliding_window"),
    *("num_experts", "num_experts_per_tok", "rope_attention_factor", "logit_scale"),
)
# GPT-2's alone; the last three are exercise 4.3's, a rate for each place.
_DROPPED = ("drop_rate", "drop_rate_emb", "drop_rate_attn", "drop_rate_shortcut")
_READ_APART = ("qk_norm", "rope_freq", "layer_types", "sliding_window_stride", "query_pre_attn_scalar")
_PASSED_OVER = frozenset({"dtype", "bos_token_id", "eos_token_id", "pad_token_id"})

_MODERN: dict[str, object] = {
    "positions": "rotary",
    "norm": "rms_norm",
    "bias": False,
    "gated": True,
    "activation": "silu",
}
_EXPERTS: dict[str, object] = {"router": "softmax_chosen"}


def _llama(_: Entries) -> dict[str, object]:
    return {**_MODERN, "norm_eps": 1e-5}


def _qwen3(said: Entries) -> dict[str, object]:
    return {**_MODERN, **(_EXPERTS if "num_experts" in said else {}), "norm_eps": 1e-6}


def _gemma3(said: Entries) -> dict[str, object]:
    width = said["emb_dim"].value if "emb_dim" in said else None
    return {
        **_MODERN,
        "activation": "gelu_tanh",
        "norm_eps": 1e-6,
        "norm_scale": "one_plus_weight",
        "norm_position": "sandwich",
        "embedding_scale": width**0.5 if isinstance(width, int) and width > 0 else 1.0,
    }


def _olmo3(_: Entries) -> dict[str, object]:
    return {**_MODERN, "norm_position": "branch", "qk_norm": "full"}


def _tiny_aya(_: Entries) -> dict[str, object]:
    return {
        **_MODERN,
        "norm": "layer_norm",
        "norm_position": "parallel",
        "rope_interleaved": True,
    }


def _gpt2(said: Entries) -> dict[str, object]:
    implied: dict[str, object] = {}
    if "latent_dim" in said:
        implied["latent_norm"] = False
        width, heads = (said[key].value if key in said else None for key in ("emb_dim", "n_heads"))
        if isinstance(width, int) and isinstance(heads, int) and heads > 0:
            implied["qk_nope_head_dim"] = width // heads
    experts = said["num_experts"].value if "num_experts" in said else 0
    if experts:
        implied |= {**_EXPERTS, "gated": True, "activation": "silu"}
    return implied


_Code = Callable[[Entries], dict[str, object]]


def _code_for(said: Entries) -> tuple[str, _Code]:
    """Return the author's code that a dictionary is for, by the keys that it has."""
    if any(key in said for key in _DROPPED) or "latent_dim" in said or "sliding_window_size" in said:
        return "GPT-2", _gpt2
    if "query_pre_attn_scalar" in said or "rope_local_base" in said:
        return "Gemma 3", _gemma3
    if "rope_orig_max" in said or "rms_norm_eps" in said:
        return "OLMo 3", _olmo3
    if "layer_norm_eps" in said:
        return "Tiny Aya", _tiny_aya
    if "qk_norm" in said or "num_experts" in said:
        return "Qwen3", _qwen3
    return "Llama", _llama


def _translate(said: Entries, place: str) -> Translation:
    """Bring a dictionary into our keys."""
    name, code = _code_for(said)
    found: dict[str, Entry] = {}
    names: dict[str, str] = {}
    problems: list[Problem] = []
    for ours, value in code(said).items():
        found[ours] = Entry(value, msgspec.json.encode(value).decode(), _PLACE.format(name), given=False)
    for key, entry in said.items():
        if key in _PASSED_OVER:
            continue
        same = key if key in _SAME else _RENAMED.get(key)
        if same is not None:
            found[same] = replace(entry, key=key)
            names[same] = key
        elif key in _READ_APART:
            _read_apart(key, entry, found, problems)
        else:
            problems.append(Problem(entry.place, f"unknown key '{key}' beside those of {_NAME}'s {name}", entry.line))
    if name == "GPT-2" and "sliding_window" in found and "layer_pattern" not in found:
        found["layer_pattern"] = replace(found["sliding_window"], value="L", text="L", given=False)
    if "attention_bias" in said:
        found["out_bias"] = found["qkv_bias"]
    if name == "Tiny Aya" and "layer_pattern" in found:  # which rotates in windows alone
        pattern = found["layer_pattern"]
        without = str(pattern.value).replace("F", "N")
        found["layer_pattern"] = replace(pattern, value=without, text=without)
    notes = (f"{place}: taken as a dictionary of {_NAME} for {name}",) if name != "GPT-2" else ()
    return Translation(found, problems, _NAME, names, notes)


def _read_apart(key: str, entry: Entry, found: dict[str, Entry], problems: list[Problem]) -> None:
    """Read a key whose value is no value of one of ours."""
    try:
        for ours, value in _READINGS[key](entry.value).items():
            text = entry.text if not isinstance(value, str) else value
            found[ours] = replace(entry, value=value, text=text, key=key)
    except (TypeError, ValueError, KeyError, AttributeError):
        problems.append(Problem(entry.place, f"{key} is {entry.text}, which {_NAME}'s code does not take", entry.line))


def _qk_norm(value: object) -> dict[str, object]:
    return {"qk_norm": {True: "head", False: "none"}[value]}  # type: ignore[index]  # a KeyError is told


def _rope_freq(value: object) -> dict[str, object]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError
    return {
        "rope_scaling": "llama3",
        "rope_factor": value["factor"],
        "rope_low_freq_factor": value["low_freq_factor"],
        "rope_high_freq_factor": value["high_freq_factor"],
        "rope_original_length": value["original_context_length"],
    }


def _layer_types(value: object) -> dict[str, object]:
    if not isinstance(value, list) or not value:
        raise TypeError
    return {"layer_pattern": shortened("".join(_LETTERS[each] for each in value))}


def _stride(value: object) -> dict[str, object]:
    """K windows to one full layer; 0 windows, or where it is negative windows alone."""
    if type(value) is not int:
        raise TypeError
    if value <= 0:
        return {"layer_pattern": "F" if value == 0 else "L"}
    return {"layer_pattern": f"{value}LF" if value > 1 else "LF"}


def _scalar(value: object) -> dict[str, object]:
    if value is None:
        return {}
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ValueError
    return {"attention_scale": value**-0.5}


_READINGS: dict[str, Callable[[object], dict[str, object]]] = {
    "qk_norm": _qk_norm,
    "rope_freq": _rope_freq,
    "layer_types": _layer_types,
    "sliding_window_stride": _stride,
    "query_pre_attn_scalar": _scalar,
}

DIALECT = Dialect(
    name=_NAME,
    defaults="the lecture's code",
    marker="rope_freq: null",
    keys={
        **{key: DialectKey((key,)) for key in _SAME},
        **{key: DialectKey((ours,)) for key, ours in _RENAMED.items()},
        **{key: DialectKey() for key in _READ_APART},
    },
    passed_over=_PASSED_OVER,
    translate=_translate,
    settings=dictionary,
)
