"""The keys of ``config.json`` as Hugging Face's transformers writes it for GPT-2 (``GPT2Config``)."""

from msgspec.structs import replace

from gptcli.config.dialects._dialect import Dialect, DialectKey, Entries, one_of, only
from gptcli.config.entries import Entry
from gptcli.config.names import model_name

# transformers' names for the two forms of GELU; gelu_fast is the tanh form with its constant written out.
_ACTIVATIONS = {
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_python_tanh": "gelu_tanh",
    "gelu_accurate": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu": "gelu",
    "gelu_python": "gelu",
}


def _model_type(entry: Entry, _: Entries) -> str | None:
    return None if entry.value == "gpt2" else "but gptcli builds GPT-2 alone; take the config.json of a GPT-2"


def _architectures(entry: Entry, _: Entries) -> str | None:
    """Pass over the heads that transformers puts on GPT-2: the network under them is the same."""
    classes = entry.value if isinstance(entry.value, list) else [entry.value]
    if all(name is None or "GPT2" in str(name) for name in classes):
        return None
    return "not of GPT-2, which gptcli builds alone; take the config.json of a GPT-2"


def _inner_width(entry: Entry, entries: Entries) -> str | None:
    """Pass over the width that the feed-forward part has anyway, four times that of the embedding."""
    width = entries["n_embd"].value
    if entry.value is None or type(width) is not int:  # a width that is no number is a problem of its own
        return None
    if type(entry.value) is int and entry.value == 4 * width:
        return None
    return f"but gptcli's feed-forward part is 4 x n_embd = {4 * width} wide; write {4 * width} or null"


def _last_part(entry: Entry, _: Entries) -> Entry | None:
    """Take the last part of ``openai-community/gpt2`` or of a folder's path; an empty one names nothing."""
    path = entry.value if isinstance(entry.value, str) else ""
    last = path.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return replace(entry, value=model_name(last)) if last.strip(". ") else None


# What these keys are about -> the keys.
_NOT_THE_NETWORK = {
    "where file and weights come from": """
        transformers_version torch_dtype dtype _commit_hash finetuning_task tokenizer_class prefix
    """,
    "how it is run": """
        use_cache gradient_checkpointing reorder_and_upcast_attn output_attentions output_hidden_states return_dict
        use_return_dict torchscript use_bfloat16 chunk_size_feed_forward attn_implementation _attn_implementation
        _attn_implementation_autoset experts_implementation tf_legacy_loss output_past is_decoder is_encoder_decoder
        tie_encoder_decoder cross_attention_hidden_size tie_last_hidden_states
    """,
    "how random weights are drawn": "initializer_range",
    "heads for other tasks than the next token": """
        summary_type summary_use_proj summary_activation summary_proj_to_labels summary_first_dropout id2label label2id
        num_labels _num_labels problem_type classifier_dropout n_special predict_special_tokens task_specific_params
    """,
    "what tokens mean": "bos_token_id eos_token_id pad_token_id sep_token_id unk_token_id decoder_start_token_id",
    "how text is generated, which older versions kept in the same file": """
        assistant_confidence_threshold assistant_lookbehind bad_words_ids begin_suppress_tokens diversity_penalty
        do_sample early_stopping encoder_no_repeat_ngram_size encoder_repetition_penalty epsilon_cutoff eta_cutoff
        exponential_decay_length_penalty forced_bos_token_id forced_eos_token_id length_penalty max_length
        max_new_tokens min_length no_repeat_ngram_size num_assistant_tokens num_assistant_tokens_schedule
        num_beam_groups num_beams num_return_sequences output_scores remove_invalid_values repetition_penalty
        return_dict_in_generate suppress_tokens target_lookbehind temperature top_k top_p typical_p
    """,
}

DIALECT = Dialect(
    name="Hugging Face",
    defaults="Hugging Face's GPT2Config",
    marker="model_type: gpt2",
    keys={
        "model_type": DialectKey(decisive=True, read=_model_type),
        "architectures": DialectKey(decisive=True, read=_architectures),
        "_name_or_path": DialectKey(("name",), read=_last_part),
        "vocab_size": DialectKey(("vocab_size",), default=50257),
        "n_positions": DialectKey(("context_length",), default=1024, aliases=("n_ctx", "max_position_embeddings")),
        "n_embd": DialectKey(("emb_dim",), default=768, aliases=("hidden_size",)),
        "n_head": DialectKey(("n_heads",), default=12, aliases=("num_attention_heads",)),
        "n_layer": DialectKey(("n_layers",), default=12, aliases=("num_hidden_layers",)),
        "n_inner": DialectKey(read=_inner_width),
        "activation_function": DialectKey(
            ("activation",),
            default="gelu_new",
            read=one_of(_ACTIVATIONS, why="but gptcli's feed-forward has a GELU"),
            words=_ACTIVATIONS,
        ),
        "embd_pdrop": DialectKey(("drop_rate",), default=0.1),
        "attn_pdrop": DialectKey(("drop_rate",), default=0.1),
        "resid_pdrop": DialectKey(("drop_rate",), default=0.1),
        "layer_norm_epsilon": DialectKey(("norm_eps",), default=1e-5),
        "tie_word_embeddings": DialectKey(("weight_tying",), default=True),
        "scale_attn_weights": DialectKey(read=only(True, why="but gptcli's attention always scales its scores")),
        "scale_attn_by_inverse_layer_idx": DialectKey(
            read=only(False, why="but gptcli's attention scales its scores alike in every layer")
        ),
        "add_cross_attention": DialectKey(read=only(False, why="but gptcli's networks have no encoder to attend to")),
        "pruned_heads": DialectKey(read=only(None, {}, why="but gptcli's layers have all their heads")),
        "per_layer_config": DialectKey(read=only(None, {}, why="but gptcli's layers are all alike")),
        "quantization_config": DialectKey(read=only(None, why="but gptcli's weights are not quantised")),
        "auto_map": DialectKey(read=only(None, {}, why="but gptcli runs no code that comes with a model")),
    },
    implied={"bias": True, "qkv_bias": True, "init": "gpt2"},
    passed_over=frozenset(key for keys in _NOT_THE_NETWORK.values() for key in keys.split()),
)
