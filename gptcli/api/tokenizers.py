"""Which tokenizer reads the texts of a model: the one asked for, the model's own, GPT-2's; or none."""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from gptcli.architecture import Network
from gptcli.architecture.roles import POSITION_TABLE
from gptcli.config import ModelConfig
from gptcli.config.printable import printable, shortened
from gptcli.errors import InputError
from gptcli.files import open_input
from gptcli.tokenizer import GPT2, SIZE, Tokenizer, open_file, open_tokenizer, tokenizer_in

WAYS_OUT = 'name a tokenizer.json with --tokenizer PATH, or give ids with --token-ids "1,2,3"'
# A vocabulary is padded to a multiple of 64 for faster matrix products (nanoGPT's train.py: 50,257 entries become
# 50,304), or of 128.
_PADDED_TO, _MOST_PADDING = 64, 128
_TEMPLATE_FILES = ("chat_template.jinja", "chat_template.json")
_TOKENIZER_CONFIG = "tokenizer_config.json"
_MOST_BYTES = 64 * 2**20
_INSTRUCT = re.compile(r"(?:^|[-_. ])(?:instruct|chat|it)(?:[-_. ]|$)", re.IGNORECASE)


class Found(Struct, frozen=True):
    """The tokenizer of a model, and what is worth knowing about it.

    Attributes:
        tokenizer: None where nothing says how texts become ids.
        notes: a line each.
    """

    tokenizer: Tokenizer | None
    notes: tuple[str, ...] = ()


def text_tokenizer(network: Network, folders: Sequence[Path], asked: str | None) -> Found:
    """Return the tokenizer that reads texts for a model.

    Args:
        network: the model.
        folders: where its own files may lie.
        asked: what ``--tokenizer`` says.

    Raises:
        InputError: there is none, it is broken, or it is another model's.
    """
    tokenizer = _chosen(network, folders, asked)
    if tokenizer is None:
        raise InputError(_refusal(network.config, folders))
    return Found(tokenizer, tuple(_chat(network.config, folders)))


def id_tokenizer(network: Network, folders: Sequence[Path], asked: str | None) -> Found:
    """Return the tokenizer that says what given ids spell; where there is none that can be used, none.

    Raises:
        InputError: the one that was asked for cannot be used.
    """
    try:
        return Found(_chosen(network, folders, asked))
    except InputError as error:
        if asked is not None:
            raise
        return Found(None, (f"{error}; ids are shown as they are",))


def has_gpt2_vocabulary(network: Network) -> bool:
    """Return whether a model's ids are GPT-2's: as many, or padded to a round number in a network of GPT-2's kind.

    Other families have vocabularies of 50,304 or 50,368 entries that are not GPT-2's; they have no learned positions.
    """
    more = network.config.vocab_size - SIZE
    if more == 0:
        return True
    padded = 0 < more < _MOST_PADDING and network.config.vocab_size % _PADDED_TO == 0
    return padded and _learns_positions(network)


def _learns_positions(network: Network) -> bool:
    try:
        network.part_of(POSITION_TABLE)
    except KeyError:
        return False
    return True


def _chosen(network: Network, folders: Sequence[Path], asked: str | None) -> Tokenizer | None:
    if asked is not None:
        return _fitting(open_tokenizer(asked), network.config)
    own = next(filter(None, map(tokenizer_in, folders)), None)
    if own is not None:
        return _fitting(open_file(own), network.config)
    return GPT2 if has_gpt2_vocabulary(network) else None


def _fitting(tokenizer: Tokenizer, config: ModelConfig) -> Tokenizer:
    """Refuse another model's tokenizer; what GPT-2's own gives is looked at token by token."""
    if tokenizer is not GPT2 and tokenizer.entries > config.vocab_size:
        more = f"has {tokenizer.entries:,} entries, more than the vocabulary of {config.vocab_size:,} of {config.name}"
        raise InputError(f"{tokenizer.name}: {more}, so it is another model's; {WAYS_OUT}")
    return tokenizer


def _refusal(config: ModelConfig, folders: Sequence[Path]) -> str:
    beside = f" and no tokenizer.json lies in {printable(str(folders[0]))}" if folders else ""
    own = f"{config.name} has a vocabulary of {config.vocab_size:,}, which is not GPT-2's{beside}"
    return f"{own}, so nothing says which ids a text has; {WAYS_OUT}"


def notes_on(tokenizer: Tokenizer, texts: Sequence[str], names: Sequence[str], *, allow_special: bool) -> list[str]:
    """Say what is taken for granted where a tokenizer reads texts, a line each."""
    pattern = f"{tokenizer.name}: does not say how a text is cut into words; GPT-2's pattern is taken"
    notes = [pattern] if tokenizer.guessed else []
    spelled = (
        [] if allow_special else [(name, tokenizer.special_in(text)) for name, text in zip(names, texts, strict=True)]
    )
    return notes + [
        f"{name}: {shortened(token.text or '')} is read as text; --allow-special reads it as token {token.id}"
        for name, token in spelled
        if token is not None
    ]


def _chat(config: ModelConfig, folders: Sequence[Path]) -> list[str]:
    """Say that no chat template is applied, where the model is made for one."""
    as_it_stands = "is not applied: the text is read as it stands"
    template = next(filter(None, map(chat_template_in, folders)), None)
    if template is not None:
        return [f"{config.name} has a chat template ({printable(str(template))}), which {as_it_stands}"]
    if any(_INSTRUCT.search(name) for name in (config.name, *(folder.name for folder in folders))):
        return [f"{config.name} is an instruct model by its name; a chat template {as_it_stands}"]
    return []


def chat_template_in(folder: Path) -> Path | None:
    """Return the file in a folder that holds a chat template, or None."""
    for name in _TEMPLATE_FILES:
        if (folder / name).is_file():
            return folder / name
    path = folder / _TOKENIZER_CONFIG
    try:
        with open_input(path) as file:
            held = msgspec.json.decode(file.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):  # no such file, or one that says nothing
        return None
    return path if isinstance(held, dict) and held.get("chat_template") else None
