"""Time of a token in generation against transformers: ``python -m benchmarks.decode``.

Both run the same random weights at the size of GPT-2 124M with a KV cache and fused attention, greedily, from one
prompt. They run alternately (A B A B ...) after a warm-up; what counts is the median of the ratios pair by pair. The
first token of each run, which reads the prompt, is timed apart.
"""

import argparse
import sys
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

from benchmarks.clock import Clock, Seconds
from gptcli.architecture import describe
from gptcli.config import load_config
from gptcli.model.forward import ForwardOptions, build
from gptcli.model.generate import generate
from gptcli.model.gpt import GPT

LIMIT = 1.0


def peer_of(model: GPT) -> Any:
    """Return transformers' network with the weights of ours."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = model.network.config
    sizes = GPT2Config(
        vocab_size=config.vocab_size,
        n_positions=config.context_length,
        n_embd=config.emb_dim,
        n_head=config.n_heads,
        n_layer=config.n_layers,
        tie_word_embeddings=config.weight_tying,
    )
    peer: Any = GPT2LMHeadModel._from_config(sizes, attn_implementation="sdpa")  # type: ignore[no-untyped-call]
    peer.eval().to(model.device)
    ours = dict(model.named_parameters())
    with torch.no_grad():
        for path, tensor in peer.named_parameters():
            weight = ours[path.removeprefix("transformer.")]
            conv = path.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight"))
            tensor.copy_(weight.t() if conv else weight)
    return peer


def runs_of(
    config_name: str, prompt: int, new: int, device: str = "cpu"
) -> tuple[Callable[[], Seconds], Callable[[], Seconds]]:
    """Return one run of ours and one of the peer's, which give the same ids."""
    config = load_config(config_name, set_values=["qkv_bias=true"], environ={}).config
    model = build(describe(config), ForwardOptions(device=device))
    peer = peer_of(model)
    ids = torch.randint(config.vocab_size, (1, prompt), generator=torch.Generator().manual_seed(1)).to(device)
    found: dict[str, list[int]] = {}

    def ours() -> Seconds:
        clock = Clock()
        (text,), _ = generate(model, ids.tolist(), max_new_tokens=new, listeners=[clock])
        found["ours"] = text.ids
        return clock.seconds(first=1)

    def theirs() -> Seconds:
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
        found["theirs"] = out[0, prompt:].tolist()
        return clock.seconds(first=2)

    ours()
    theirs()
    if found["ours"] != found["theirs"]:
        sys.exit("the two do not generate the same ids; their times cannot be compared")
    return ours, theirs


def main() -> int:
    """Print medians and the ratio pair by pair; exit 1 if ours takes longer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--config", default="gpt2-124m")
    parser.add_argument("--prompt", type=int, default=64, help="tokens of the prompt")
    parser.add_argument("--new", type=int, default=64, help="tokens generated")
    chosen = parser.parse_args()
    ours, theirs = runs_of(chosen.config, chosen.prompt, chosen.new)
    pairs = [(ours(), theirs()) for _ in range(chosen.runs)]
    print(f"{chosen.config}, {chosen.prompt} tokens read, {chosen.new} generated, {torch.get_num_threads()} threads")
    failed = False
    for name, which in (("first token", 0), ("each token after it", 1)):
        ratios = [a[which] / b[which] for a, b in pairs]
        ms = [1000 * median(pair[who][which] for pair in pairs) for who in (0, 1)]
        ratio = f"ratio {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"{name:<20} gptcli {ms[0]:7.2f} ms  transformers {ms[1]:7.2f} ms  {ratio}")
        failed |= which == 1 and median(ratios) > LIMIT
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
