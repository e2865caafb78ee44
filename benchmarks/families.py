"""Later decoders against transformers: a Llama of 100M parameters, and a mixture of experts of 200M."""

import sys
import tempfile
from time import perf_counter
from typing import Any

import torch

from benchmarks.clock import Clock, Seconds
from gptcli.api.weights import load_weights
from gptcli.model.generate import generate
from gptcli.model.gpt import GPT
from gptcli.model.load import load_model
from gptcli.model.products import choose_products

_SIZES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": (
        "llama",
        {
            "hidden_size": 640,
            "intermediate_size": 1792,
            "num_hidden_layers": 12,
            "num_attention_heads": 10,
            "num_key_value_heads": 5,
        },
    ),
    "experts": (
        "mixtral",
        {
            "hidden_size": 512,
            "intermediate_size": 1024,
            "num_hidden_layers": 12,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "num_local_experts": 8,
            "num_experts_per_tok": 2,
        },
    ),
}
_VOCABULARY, _CONTEXT = 32_000, 2048
_EXPERTS = ("eager", "grouped_mm")  # transformers' ways through a mixture, of which the faster counts


def peers_and_ours(name: str) -> tuple[list[Any], GPT]:
    """Return transformers' network in each of its ways, and ours with its weights, read from what it saves."""
    from transformers import AutoConfig, AutoModelForCausalLM

    kind, sizes = _SIZES[name]
    torch.manual_seed(0)

    def build(way: str) -> Any:  # with a config of its own, in which transformers writes the way
        config = AutoConfig.for_model(kind, vocab_size=_VOCABULARY, max_position_embeddings=_CONTEXT, **sizes)
        from_config: Any = AutoModelForCausalLM.from_config
        return from_config(config, attn_implementation="sdpa", experts_implementation=way).eval()

    ways = _EXPERTS if name == "experts" else _EXPERTS[:1]
    first = build(ways[0])
    peers = [first]
    for way in ways[1:]:
        other = build(way)
        other.load_state_dict(first.state_dict(), assign=True)
        peers.append(other)
    with tempfile.TemporaryDirectory() as folder:
        first.save_pretrained(folder)
        model = load_model(load_weights(folder).recognised, dtype=torch.float32)
        for parameter in model.parameters():  # which would be pages of a file that is gone
            parameter.data = parameter.data.clone()
    choose_products(model)
    return peers, model


def drawn_ids(tokens: int) -> torch.Tensor:
    """Return random ids, (1, T)."""
    return torch.randint(_VOCABULARY, (1, tokens), generator=torch.Generator().manual_seed(1))


def fastest(peers: list[Any], ids: torch.Tensor) -> Any:
    """Return the peer whose pass over (1, T) tokens is the fastest of three each."""

    def seconds(peer: Any) -> float:
        started = perf_counter()
        peer(ids, use_cache=False)
        return perf_counter() - started

    with torch.inference_mode():
        best = {id(peer): min(seconds(peer) for _ in range(3)) for peer in peers}
    return min(peers, key=lambda peer: best[id(peer)])


def one_generation(model: GPT, ids: torch.Tensor, new: int) -> tuple[Seconds, list[int]]:
    """Return our seconds to the first token and for each after it, and the tokens."""
    clock = Clock()
    (text,), _ = generate(model, ids.tolist(), max_new_tokens=new, listeners=[clock])
    return clock.seconds(first=1), text.ids


def their_generation(peer: Any, ids: torch.Tensor, new: int) -> tuple[Seconds, list[int]]:
    """Return the same of transformers."""
    clock = Clock()
    with torch.inference_mode():
        out = peer.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=new,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
            streamer=clock,
        )
    return clock.seconds(first=2), out[0, ids.shape[1] :].tolist()


def checked(name: str, tokens: int, new: int) -> tuple[list[Any], GPT, torch.Tensor]:
    """Return both sides and ids after they gave the same logits and the same tokens."""
    peers, model = peers_and_ours(name)
    ids = drawn_ids(tokens)
    with torch.inference_mode():
        for peer in peers:
            torch.testing.assert_close(model(ids), peer(ids).logits, atol=1e-3, rtol=1e-3)
    if new and one_generation(model, ids, new)[1] != their_generation(peers[0], ids, new)[1]:
        sys.exit("the two do not generate the same ids; their times cannot be compared")
    return peers, model, ids
