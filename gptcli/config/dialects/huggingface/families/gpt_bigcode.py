"""SantaCoder and StarCoder (Ben Allal et al. 2023): GPT-2 with one key and value head."""

from gptcli.config.dialects.huggingface._family import but, reads
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families._gpt2_like import GPT2_LIKE, scale


@reads("multi_query")
def groups(has: Settings) -> dict[str, object]:
    """All query heads share one key and value head, or each has its own."""
    return {"n_kv_groups": 1} if has.flag("multi_query") else {}


FAMILY = but(
    GPT2_LIKE,
    groups,
    scale,
    nothing=frozenset({"num_key_value_heads"}),  # the class writes what multi_query says
    instead={"add_cross_attention": "but gptcli's networks have no encoder to attend to; write false"},
)
