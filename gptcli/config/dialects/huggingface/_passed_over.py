"""Keys of a ``config.json`` that do not describe the network, whatever its family."""

# What these keys are about -> the keys.
_NOT_THE_NETWORK = {
    "where file and weights come from": """
        transformers_version torch_dtype dtype _commit_hash finetuning_task tokenizer_class prefix name_or_path
        unsloth_version unsloth_fixed transformers.js_config
    """,
    "how it is run": """
        use_cache gradient_checkpointing reorder_and_upcast_attn output_attentions output_hidden_states return_dict
        use_return_dict torchscript use_bfloat16 chunk_size_feed_forward attn_implementation _attn_implementation
        _attn_implementation_autoset experts_implementation tf_legacy_loss output_past is_decoder is_encoder_decoder
        tie_encoder_decoder cross_attention_hidden_size tie_last_hidden_states init_device output_router_logits
        router_aux_loss_coef aux_loss_alpha seq_aux pretraining_tp slow_but_exact use_cache_quantization attn_impl
        attention_softmax_in_fp32 scale_attention_softmax_in_fp32 ep_size use_flash_attn flash_attention
        use_flash_attention_2
    """,
    "how layer_types came about": "_sliding_window_pattern",
    "how random weights are drawn": "initializer_range init_std initializer_factor init_method_std",
    "heads for other tasks than the next token": """
        summary_type summary_use_proj summary_activation summary_proj_to_labels summary_first_dropout id2label label2id
        num_labels _num_labels problem_type classifier_dropout n_special predict_special_tokens task_specific_params
    """,
    "what tokens mean": """
        bos_token_id eos_token_id pad_token_id sep_token_id unk_token_id decoder_start_token_id eod_token_id
    """,
    "how text is generated, which older versions kept in the same file": """
        assistant_confidence_threshold assistant_lookbehind bad_words_ids begin_suppress_tokens diversity_penalty
        do_sample early_stopping encoder_no_repeat_ngram_size encoder_repetition_penalty epsilon_cutoff eta_cutoff
        exponential_decay_length_penalty forced_bos_token_id forced_eos_token_id length_penalty max_length
        max_new_tokens min_length no_repeat_ngram_size num_assistant_tokens num_assistant_tokens_schedule
        num_beam_groups num_beams num_return_sequences output_scores remove_invalid_values repetition_penalty
        return_dict_in_generate suppress_tokens target_lookbehind temperature top_k top_p typical_p
    """,
}

PASSED_OVER = frozenset(key for keys in _NOT_THE_NETWORK.values() for key in keys.split())
