"""What contradicts itself between keys is refused where it stands, with ways out that work."""

import re

import pytest

from gptcli.config import load_config
from gptcli.errors import InputProblemsError

SIZES = ["vocab_size=9", "context_length=64", "emb_dim=48", "n_heads=6", "n_layers=6"]
ROTARY = ["positions=rotary"]
EXPERTS = ["num_experts=12", "num_experts_per_tok=4"]
LATENT = ["kv_lora_rank=8", "v_head_dim=8"]
# What is set -> what is told, and what is set to mend it.
CASES: dict[str, tuple[list[str], str, list[str]]] = {
    "heads": (["n_heads=7"], "emb_dim 48 is not divisible by n_heads 7; use n_heads 6 or 8, or", ["n_heads=8"]),
    "heads of their own width": (["n_heads=7"], "emb_dim 48 is not divisible by n_heads 7", ["head_dim=5"]),
    "groups": (["n_kv_groups=4"], "n_kv_groups 4 does not divide n_heads 6; use n_kv_groups 3 or 6", ["n_kv_groups=3"]),
    "pattern": (["layer_pattern=5LG"], "layer_pattern '5LG' is no pattern of layers, e.g. 5LF;", ["layer_pattern=F"]),
    "small letters": (["layer_pattern=lf"], "layer_pattern 'lf' is no pattern", ["layer_pattern=NF"]),
    "experts' pattern": (["expert_pattern=3D5"], "expert_pattern '3D5' is no pattern", ["expert_pattern=3D5E"]),
    "window": (
        ["layer_pattern=5LF"],
        "layer_pattern has local layers (L), and sliding_window is not set; set it, e.g. sliding_window=1024",
        ["sliding_window=1024"],
    ),
    "chunk": (
        ["layer_pattern=3CN"],
        "layer_pattern has chunked layers (C), and attention_chunk is not set; set it, e.g. attention_chunk=8192",
        ["attention_chunk=8192"],
    ),
    "both": (
        ["layer_pattern=LC", "sliding_window=8", "attention_chunk=8"],
        "layer_pattern has local and chunked layers; use L or C",
        ["layer_pattern=LF"],
    ),
    "alibi in a window": (
        ["positions=alibi", "layer_pattern=LF", "sliding_window=8"],
        "layer_pattern has layers with a window, which have no alibi; use layer_pattern=F, or positions=rotary",
        ["layer_pattern=F"],
    ),
    "latent without a width": (
        LATENT,
        "latent attention (kv_lora_rank) needs qk_nope_head_dim; set it, e.g. qk_nope_head_dim=128",
        ["qk_nope_head_dim=128"],
    ),
    "latent without rotation": (
        [*LATENT, *ROTARY, "qk_nope_head_dim=8"],
        "latent attention (kv_lora_rank) needs qk_rope_head_dim; set it, e.g. qk_rope_head_dim=64",
        ["qk_rope_head_dim=64"],
    ),
    "odd latent rotation": (
        [*LATENT, *ROTARY, "qk_nope_head_dim=8", "qk_rope_head_dim=5"],
        "qk_rope_head_dim 5 is odd, and pairs are rotated; use 4 or 6",
        ["qk_rope_head_dim=4"],
    ),
    "odd head": ([*ROTARY, "head_dim=5"], "a head's 5 numbers are rotated, and pairs are; set", ["head_dim=6"]),
    "odd part": (
        [*ROTARY, "rope_fraction=0.4"],
        "3 of a head's 8 numbers are rotated, and pairs are; change rope_fraction",
        ["rope_fraction=0.5"],
    ),
    "longrope without factors": (
        [*ROTARY, "rope_scaling=longrope", "rope_long_factors=1,2,3,4"],
        "rope_short_factors has 0 numbers, and longrope takes one for each of 4 pairs",
        ["rope_short_factors=1,1,1,1"],
    ),
    "longrope with words": (
        [*ROTARY, "rope_scaling=longrope", "rope_short_factors=1,1,1,1", "rope_long_factors=1,x,3,4"],
        "rope_long_factors is no list of numbers above 0; write e.g. rope_long_factors: '1.0,1.5'",
        ["rope_long_factors=1,2,3,4"],
    ),
    "experts of a token": (
        ["num_experts=4", "num_experts_per_tok=5"],
        "num_experts_per_tok 5 of num_experts 4; use num_experts_per_tok from 1 to 4",
        ["num_experts_per_tok=4"],
    ),
    "no experts of a token": (["num_experts=4"], "num_experts_per_tok 0 of num_experts 4", ["num_experts_per_tok=1"]),
    "groups of experts": (
        [*EXPERTS, "router_groups=5"],
        "router_groups 5 does not divide num_experts 12; use 4 or 6",
        ["router_groups=4", "router_top_groups=2"],
    ),
    "best groups": (
        [*EXPERTS, "router_groups=4", "router_top_groups=5"],
        "router_top_groups 5 of router_groups 4; use router_top_groups from 1 to 4",
        ["router_top_groups=2"],
    ),
    "groups too small": (
        [*EXPERTS, "router_groups=4"],
        "router_top_groups 1 hold 3 experts, and a token visits 4; use more groups",
        ["router_top_groups=2"],
    ),
    "scores of a group": (
        [*EXPERTS, "router_groups=6", "router_top_groups=3", "router_group_score=3"],
        "router_group_score 3 of 2 experts in a group; use 2",
        ["router_group_score=2"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_contradiction_is_told_and_the_way_out_works(case: str) -> None:
    wrong, told, mended = CASES[case]
    with pytest.raises(InputProblemsError) as caught:
        load_config("gpt2-124m", set_values=[*SIZES, *wrong], environ={})
    (problem,) = caught.value.problems
    assert re.match(r"--set \w+=", problem)
    assert told in problem
    load_config("gpt2-124m", set_values=[*SIZES, *wrong, *mended], environ={})


def test_a_value_that_is_wrong_itself_is_told_once() -> None:
    with pytest.raises(InputProblemsError) as caught:
        load_config("gpt2-124m", set_values=["emb_dim=0", "n_kv_groups=x", "layer_pattern="], environ={})
    assert len(caught.value.problems) == 3
