"""Tokenizers of the kinds that models have, trained on a few sentences and saved as ``tokenizer.json``."""

from collections.abc import Callable
from pathlib import Path

from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

SENTENCES = [
    "Every effort moves you forward, step by step, and it's never too late to begin.",
    "The naïve façade of a café: 12,345 words, 100% of them here!",
    "def f(x):\n    return x ** 2\n\n\tpass",
    "你好世界。こんにちは 🤷🏽 Привет",
] * 4
SPECIAL = ["<unk>", "<s>", "</s>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
SPACE = "\u2581"
UNKNOWN = SPECIAL[0]
_LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)"
    r"|\s+"
)


def byte_level() -> Tokenizer:
    """As GPT-2's and Qwen's, with an added token in the midst of words that is not special."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(SENTENCES, trainers.BpeTrainer(vocab_size=420, initial_alphabet=alphabet))
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>"])
    tokenizer.add_tokens(["<tool call>"])
    return tokenizer


def llama_3() -> Tokenizer:
    """As Llama 3's: a pattern of its own, and a token for the beginning that the post-processor adds."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    split = pre_tokenizers.Split(Regex(_LLAMA_3), behavior="isolated")
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, bytes_])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(SENTENCES, trainers.BpeTrainer(vocab_size=420, initial_alphabet=alphabet))
    tokenizer.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>"])
    begin = tokenizer.token_to_id("<|begin_of_text|>")
    template = processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", begin)]
    )
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    return tokenizer


def llama() -> Tokenizer:
    """As Llama 2's: spaces are a sign, what is not in the vocabulary is bytes, and texts begin with a space."""
    tokenizer = _with_bytes()
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)])
    steps = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    return _trained_with_bytes(tokenizer, decoders.Sequence(steps), before="")


def metaspace() -> Tokenizer:
    """As transformers writes Llama's today: the sign comes from a pre-tokenizer."""
    tokenizer = _with_bytes()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(SPACE, prepend_scheme="first", split=False)
    steps = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    return _trained_with_bytes(tokenizer, decoders.Sequence(steps))


def gemma() -> Tokenizer:
    """As Gemma's: the sign without a first space, runs of it as added tokens."""
    tokenizer = _with_bytes()
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    steps = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    trained = _trained_with_bytes(tokenizer, decoders.Sequence(steps))
    trained.add_tokens([SPACE * 3, "\n\n"])
    return trained


def unigram() -> Tokenizer:
    """As XGLM's and T5's: pieces by their probability."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(SPACE, prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(SPACE, prepend_scheme="always")
    trainer = trainers.UnigramTrainer(vocab_size=300, special_tokens=SPECIAL, unk_token=UNKNOWN)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return _between(tokenizer)


def gpt_1() -> Tokenizer:
    """As OpenAI's first GPT's: words end in a sign, and are small letters."""
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN, end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=[UNKNOWN], end_of_word_suffix="</w>")
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


def words() -> Tokenizer:
    """Whole words without a decoder, as people make their first."""
    tokenizer = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(SENTENCES, trainers.WordLevelTrainer(special_tokens=[UNKNOWN]))
    return tokenizer


def word_pieces() -> Tokenizer:
    """As BERT's."""
    tokenizer = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    tokenizer.train_from_iterator(SENTENCES, trainers.WordPieceTrainer(vocab_size=300, special_tokens=[UNKNOWN]))
    return tokenizer


KINDS: dict[str, Callable[[], Tokenizer]] = {
    each.__name__: each for each in (byte_level, llama_3, llama, metaspace, gemma, unigram, gpt_1, words, word_pieces)
}
LOSSLESS = ("byte_level", "llama_3", "llama", "metaspace", "gemma")  # every text comes back as it was


def saved(kind: str, folder: Path) -> Path:
    """Save a tokenizer; return its file."""
    path = folder / "tokenizer.json"
    KINDS[kind]().save(str(path))
    return path


def _with_bytes() -> Tokenizer:
    return Tokenizer(models.BPE(byte_fallback=True, unk_token=UNKNOWN, fuse_unk=True))


def _trained_with_bytes(tokenizer: Tokenizer, decoder: decoders.Decoder, before: str = " ") -> Tokenizer:
    """Train on single words, so that tokens do not span them; the bytes are ordinary tokens."""
    tokenizer.decoder = decoder
    trainer = trainers.BpeTrainer(vocab_size=480, special_tokens=[*SPECIAL, *BYTES], limit_alphabet=60)
    tokenizer.train_from_iterator((before + word for line in SENTENCES for word in line.split(" ")), trainer)
    return _plain_bytes(_between(tokenizer))


def _between(tokenizer: Tokenizer) -> Tokenizer:
    template = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))])
    tokenizer.post_processor = template
    return tokenizer


def _plain_bytes(tokenizer: Tokenizer) -> Tokenizer:
    """Take the bytes out of the added tokens, where only the trainer needs them."""
    import json

    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] not in BYTES]
    return Tokenizer.from_str(json.dumps(state))
