"""Mixtures of experts: which layers have one, how wide, and how tokens are routed."""

from gptcli.config.dialects.huggingface._family import Reading, reads
from gptcli.config.dialects.huggingface._layers import after_pattern, every_pattern
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.pattern import shortened

_LONGEST_WORD = 100_000  # layers; a pattern that is worked out layer by layer takes a letter for each

# DeepSeek-V3's router (DeepSeek-AI 2024, section 2.1.2).
SIGMOID = {"router": "sigmoid", "router_correction": "buffer", "router_group_score": 2}


def counts(experts: str = "num_experts", chosen: str = "num_experts_per_tok") -> Reading:
    """Read how many experts there are, and how many of them a token visits."""

    def read(has: Settings) -> dict[str, object]:
        for key in (experts, chosen):
            if has.value(key) is None:
                raise has.refused(key, "and transformers needs a number; write one")
        return {"num_experts": has.entry(experts), "num_experts_per_tok": has.entry(chosen)}

    return Reading((experts, chosen), read)


def shared(count: str = "n_shared_experts", width: str = "moe_intermediate_size") -> Reading:
    """Read the experts that every token visits, which are one as wide as all of them."""

    def read(has: Settings) -> dict[str, object]:
        number = has.maybe_whole(count)
        if number is None:
            raise has.refused(count, "and transformers needs a number; write one")
        return {"shared_hidden_dim": number * has.whole(width)}

    return Reading((count, width), read)


@reads("first_k_dense_replace", "num_hidden_layers")
def dense_first(has: Settings) -> dict[str, object]:
    """The first layers are dense."""
    first = has.whole("first_k_dense_replace")
    return {"expert_pattern": after_pattern(first, has.whole("num_hidden_layers"), "D", "E")}


@reads("mlp_only_layers", "decoder_sparse_step", "num_hidden_layers")
def dense_some(has: Settings) -> dict[str, object]:
    """Every so many-th layer has experts, but those of a list."""
    step, dense = has.whole("decoder_sparse_step"), numbers(has, "mlp_only_layers")
    if step < 1:
        raise has.refused("decoder_sparse_step", "but every so many-th layer has experts; write a number from 1")
    if not dense:
        return {"expert_pattern": every_pattern(step, "D", "E")}
    return {"expert_pattern": word(has, [(i + 1) % step == 0 and i not in dense for i in layers(has)])}


def numbers(has: Settings, key: str) -> set[int]:
    """Return a list of layers; null for none."""
    found = has.listed(key) or []
    if not all(isinstance(each, int) and not isinstance(each, bool) for each in found):
        raise has.refused(key, "but it holds the numbers of layers, from 0")
    return {each for each in found if isinstance(each, int)}


def layers(has: Settings) -> range:
    """Return the layers' numbers."""
    number = has.whole("num_hidden_layers")
    if number > _LONGEST_WORD:
        raise has.refused("num_hidden_layers", f"but single layers are told apart up to {_LONGEST_WORD:,}")
    return range(number)


def word(has: Settings, experts: list[bool]) -> str:
    """Return the pattern of the layers that have experts."""
    return shortened("".join("E" if each else "D" for each in experts)) or "E"


@reads("norm_topk_prob")
def renormalized(has: Settings) -> dict[str, object]:
    """The chosen experts' scores may be divided by their sum."""
    return {"router_renormalize": has.flag("norm_topk_prob")}


@reads("n_group", "topk_group")
def groups(has: Settings) -> dict[str, object]:
    """Experts lie in groups, of which a token visits the best."""
    return {"router_groups": has.entry("n_group"), "router_top_groups": has.entry("topk_group")}
