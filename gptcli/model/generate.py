"""Text goes on: tokens chosen one after the other, each read back into the network."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from time import perf_counter
from typing import Literal, Protocol

import torch
from msgspec import Struct
from torch import Tensor

from gptcli.architecture import Network
from gptcli.architecture.parts.rotary import RotaryTable
from gptcli.checkpoints import Recognised
from gptcli.errors import GptcliError
from gptcli.model.cache import KVCache
from gptcli.model.forward import DTYPES, BuildOptions, device_name, weights_of
from gptcli.model.gpt import GPT
from gptcli.model.sampling import Sampling, distribution, draw
from gptcli.reports.generate import GeneratedText, GenerateReport

FinishReason = Literal["length", "stop", "end of text"]

_SEEDS = 2**64
_WHERE_FROM = (
    "'gptcli trace' on the same text names the first step that gives such; 'gptcli checkpoint' says where a file does"
)


class Listener(Protocol):
    """Takes every token of one text as it comes."""

    def add(self, token_id: int) -> bool:
        """Take a token; return whether the text has reached its end with it."""
        ...


class Speller(Listener, Protocol):
    """Makes text of the tokens."""

    @property
    def text(self) -> str | None:
        """What is certain of the text, or None where nothing says what tokens spell."""
        ...

    def end(self) -> None:
        """Learn that no more tokens come."""
        ...


class GenerateOptions(BuildOptions, frozen=True, kw_only=True):
    """How to build and generate; the defaults are the command's."""

    max_new_tokens: int = 20
    sampling: Sampling = Sampling()
    stop: tuple[str, ...] = ()
    cached: bool = True


class Generated(Struct):
    """The ids that one prompt was continued with, and why there are no more."""

    ids: list[int]
    finish_reason: FinishReason = "length"


class Cost(Struct):
    """What generation took.

    Attributes:
        first_token: seconds until the first token of all.
        prefill: seconds in reading prompts, the first token of each included.
        decode: seconds in all tokens after those.
        kv_cache_bytes: of the largest cache.
    """

    first_token: float = 0.0
    prefill: float = 0.0
    decode: float = 0.0
    kv_cache_bytes: int = 0


def run_generate(
    model: GPT,
    prompts: Sequence[tuple[str | None, list[int]]],
    options: GenerateOptions,
    spellers: Sequence[Speller],
    *,
    build_seconds: float,
    end_ids: frozenset[int] = frozenset(),
    checkpoint: Recognised | None = None,
) -> GenerateReport:
    """Continue prompts with a network and report.

    Args:
        model: what `build` made of the options.
        prompts: text, or None where nothing says it, and token ids of each, none empty.
        options: how it was built, how tokens are chosen, how many; ``stop`` is only reported, spellers see to it.
        spellers: one a prompt.
        build_seconds: what building took.
        end_ids: a text ends after any of these.
        checkpoint: whose weights the network has, or None for random ones.
    """
    made, cost = generate(
        model,
        [ids for _, ids in prompts],
        max_new_tokens=options.max_new_tokens,
        sampling=options.sampling,
        seed=options.seed,
        cached=options.cached,
        end_ids=end_ids,
        listeners=spellers,
    )
    for speller in spellers:
        speller.end()
    texts = [
        GeneratedText(prompt, ids, text.ids, speller.text, text.finish_reason)
        for (prompt, ids), text, speller in zip(prompts, made, spellers, strict=True)
    ]
    return GenerateReport(
        config=model.network.config,
        texts=texts,
        tokens_per_second=sum(len(text.ids) for text in texts) / (cost.prefill + cost.decode),
        time_to_first_token_seconds=cost.first_token,
        prefill_seconds=cost.prefill,
        decode_seconds=cost.decode,
        build_seconds=build_seconds,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        weights_bytes=sum(parameter.nbytes for parameter in model.parameters()),
        kv_cache_bytes=cost.kv_cache_bytes if options.cached else None,
        device=options.device,
        device_name=device_name(options.device),
        dtype=options.dtype,
        seed=options.seed,
        init=options.init,
        weights=weights_of(checkpoint),
        attention=options.attention,
        max_new_tokens=options.max_new_tokens,
        temperature=options.sampling.temperature,
        top_k=options.sampling.top_k,
        top_p=options.sampling.top_p,
        stop=list(options.stop),
    )


def generate(
    model: GPT,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    sampling: Sampling = Sampling(),  # noqa: B008  # an immutable default
    seed: int = 123,
    cached: bool = True,
    end_ids: frozenset[int] = frozenset(),
    listeners: Sequence[Listener] = (),
) -> tuple[list[Generated], Cost]:
    """Continue prompts token by token; each as it would be continued alone.

    Where a text outgrows the table of learned positions, the network sees the last ``context_length`` tokens of it, as
    in the lecture (``idx[:, -context_length:]``). Positions are counted from the start of that window, so each token
    then moves all others to another position and the whole window is read again. A network without such a table reads
    on.

    Args:
        model: in evaluation mode.
        prompts: token ids, none empty; those of equal length run together.
        max_new_tokens: where a text ends at the latest.
        sampling: how tokens are chosen.
        seed: text ``i`` draws from a CPU generator of seed ``seed + i``, whatever the device.
        cached: keep keys and values of what was read; else the whole window is read for every token.
        end_ids: a text ends after any of these.
        listeners: one a prompt, or none at all; an id of ``end_ids`` does not reach them.

    Raises:
        GptcliError: the network gives logits that are not numbers.
    """
    texts = [_Text(model, ids, (seed + i) % _SEEDS, sampling, end_ids) for i, ids in enumerate(prompts)]
    for text, listener in zip(texts, listeners, strict=bool(listeners)):
        text.listener = listener
    cost = Cost()
    with torch.inference_mode():
        for together in _equally_long(texts):
            _continue(model, together, max_new_tokens, cached, cost)
    return [text.generated for text in texts], cost


class _Text:
    """A prompt and what has come of it."""

    def __init__(
        self, model: GPT, prompt: Sequence[int], seed: int, sampling: Sampling, end_ids: frozenset[int]
    ) -> None:
        longest = model.network.config.longest_text
        self.window = list(prompt if longest is None else prompt[-longest:])
        self.generated = Generated([])
        self.listener: Listener | None = None
        self.going = True
        self._sampling = sampling
        self._generator = torch.Generator().manual_seed(seed)
        self._end_ids = end_ids

    @property
    def greedy(self) -> bool:
        """Whether the most likely token is taken."""
        return self._sampling.greedy

    def draw(self, logits: Tensor) -> int:
        """(V,) -> an id."""
        return draw(distribution(logits, self._sampling), self._generator)

    def add(self, token_id: int) -> None:
        """Take the next token, unless the text has ended."""
        if not self.going:
            return
        self.generated.ids.append(token_id)
        if token_id in self._end_ids:
            self._end("end of text")
        elif self.listener is not None and self.listener.add(token_id):
            self._end("stop")

    def _end(self, reason: FinishReason) -> None:
        self.generated.finish_reason, self.going = reason, False


def _equally_long(texts: Iterable[_Text]) -> list[list[_Text]]:
    """Return the texts in groups of one length: no padding, no mask, and each row is what it is alone."""
    ordered = sorted(texts, key=lambda text: len(text.window))  # stable: equal ones stay in order
    return [list(group) for _, group in groupby(ordered, key=lambda text: len(text.window))]


def _continue(model: GPT, texts: list[_Text], max_new_tokens: int, cached: bool, cost: Cost) -> None:
    """Continue texts of equal length together."""
    started = last = perf_counter()
    ids = torch.tensor([text.window for text in texts], device=model.device)  # (B, T)
    cache = _cache_for(model, ids, max_new_tokens) if cached else None
    if cache is not None:
        cost.kv_cache_bytes = max(cost.kv_cache_bytes, sum(tensor.nbytes for tensor in cache.tensors()))
    for step in range(max_new_tokens):
        chosen = _choose(_read(model, ids, cache), texts)  # (B,)
        for text, token_id in zip(texts, chosen.tolist(), strict=True):
            text.add(token_id)
        now = perf_counter()
        if step == 0:
            cost.prefill += now - started
            cost.first_token = cost.first_token or now - started
            last = now
        if not any(text.going for text in texts):
            break
        ids = torch.cat([ids, chosen[:, None]], dim=1)  # (B, T + 1)
    cost.decode += perf_counter() - last


def _cache_for(model: GPT, ids: Tensor, max_new_tokens: int) -> KVCache:
    """Return a cache for the prompts (B, T) and all that is to come, or for as much as the network can see."""
    longest = model.network.config.longest_text
    whole = ids.shape[1] + max_new_tokens
    capacity = whole if longest is None else min(whole, longest)
    return KVCache(model.network, len(ids), capacity, model.dtype, model.device)


def _read(model: GPT, ids: Tensor, cache: KVCache | None) -> Tensor:
    """(B, T), the texts so far -> (B, V), the logits after their last tokens."""
    longest = model.network.config.longest_text
    window = ids if longest is None else ids[:, -longest:]  # (B, T)
    if cache is None:
        logits: Tensor = model(window)  # (B, T, V)
    else:
        if window.shape[1] < ids.shape[1] or _turns(model.network, cache.length, ids.shape[1]):
            cache.truncate(0)
        logits = model(window[:, cache.length :], cache)  # (B, 1, V)
    return logits[:, -1]


def _turns(network: Network, read: int, tokens: int) -> bool:
    """Return whether a text has outgrown the length up to which its keys are rotated with longrope's short factors."""
    tables = (part for _, part in network.parts if isinstance(part, RotaryTable))
    return any(each.scaling.kind == "longrope" and read <= each.scaling.original < tokens for each in tables)


def _choose(logits: Tensor, texts: list[_Text]) -> Tensor:
    """(B, V) logits -> (B,) ids."""
    highest, ids = logits.max(dim=-1)  # (B,) each
    if not highest.isfinite().all():  # a NaN is its row's maximum
        cure = "values overflow; use --dtype fp32 or bf16" if logits.dtype == torch.float16 else _WHERE_FROM
        (dtype,) = (name for name, each in DTYPES.items() if each == logits.dtype)
        raise GptcliError(f"the network gives logits that are not numbers in {dtype}: {cure}")
    if texts[0].greedy:
        return ids
    return torch.tensor([text.draw(row) for text, row in zip(texts, logits, strict=True)], device=logits.device)
