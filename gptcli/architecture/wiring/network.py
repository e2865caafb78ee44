"""The network: embeddings, layers, head."""

from collections.abc import Callable

from gptcli.architecture.axes import B, C, I, R, S, T, V, number
from gptcli.architecture.layer_plan import Plan
from gptcli.architecture.network import AttentionPath, Network, Node, Run, Stack
from gptcli.architecture.parts.add import Add
from gptcli.architecture.parts.arithmetic import Scale, Softcap
from gptcli.architecture.parts.dropout import Dropout
from gptcli.architecture.parts.embedding import Embedding
from gptcli.architecture.parts.linear import Linear
from gptcli.architecture.parts.rotary import RotaryTable
from gptcli.architecture.parts.sinusoidal import Sinusoidal
from gptcli.architecture.roles import FINAL_NORM, HEAD, POSITION_TABLE, TOKEN_TABLE
from gptcli.architecture.wiring.layer import layer
from gptcli.architecture.wiring.norms import STREAM, norm
from gptcli.config import ModelConfig
from gptcli.config.pattern import UNPLACED

_TABLE = "wte"
_LAYERS = "h"
Parts = list[tuple[str, Node]]


def tree(plan: Plan, path: AttentionPath, make: Callable[[ModelConfig, AttentionPath], Network]) -> Network:
    """Build the tree of a plan.

    Args:
        plan: of the network.
        path: of attention.
        make: what describes another network.
    """
    runs = tuple(Run(tuple((layer(each, path), n) for each, n in period), times) for period, times in plan.runs)
    parts = _embedded(plan)
    tables = tuple(table.name for table in plan.tables)
    stack = Stack(runs=runs, reads=(parts[-1][0], *tables, *_positions(plan)))
    parts += [(table.name, part) for table, part in zip(plan.tables, _tables(plan), strict=True)]
    parts += [(_LAYERS, stack), *_ending(plan)]
    return Network(
        kind="network",
        label="GPT",
        config=plan.config,
        attention=path,
        sizes=plan.sizes,
        make=make,
        parts=tuple(parts),
    )


def _positions(plan: Plan) -> tuple[str, ...]:
    """Return ``positions`` where layers read them."""
    tempered = plan.config.temperature_floor > 0 and UNPLACED & set(plan.config.layer_pattern)
    return ("positions",) if tempered else ()


def _tables(plan: Plan) -> list[RotaryTable]:
    return [
        RotaryTable(
            label="Rotary angles" if table.name == "rotary" else "Rotary angles of local layers",
            reads=("positions",),
            shape=(number(2), T, R),
            base=table.base,
            width=R,
            scaling=table.scaling,
            interleaved=table.interleaved,
        )
        for table in plan.tables
    ]


def _embedded(plan: Plan) -> Parts:
    """Token ids to the residual stream."""
    config = plan.config
    width = I if config.embedding_width else C
    parts: Parts = []

    def then(name: str, node: Node) -> None:
        parts.append((name, node))

    then(
        _TABLE,
        Embedding(label="Token embedding", reads=("ids",), shape=(B, T, width), rows=V, width=width, role=TOKEN_TABLE),
    )
    if config.embedding_width:
        then(
            "embed_proj",
            Linear(
                label="Embedding projection",
                reads=(parts[-1][0],),
                shape=STREAM,
                inputs=I,
                outputs=(C,),
                bias=False,
            ),
        )
    if config.embedding_scale != 1:
        then(
            "embed_scale",
            Scale(label="Embedding scale", reads=(parts[-1][0],), shape=STREAM, factor=config.embedding_scale),
        )
    if config.positions in ("learned", "sinusoidal"):
        tokens = parts[-1][0]
        then("wpe", _position_table(config))
        then("embed", Add(label="Token + positional embedding", reads=(tokens, "wpe"), shape=STREAM))
    if config.embedding_norm:
        then("embed_norm", norm(plan.final, "embedding {}", parts[-1][0]))
    rate = config.drop_rate if config.embedding_drop_rate is None else config.embedding_drop_rate
    if plan.final.lists_dropout or rate > 0:
        then("drop", Dropout(label="Dropout", reads=(parts[-1][0],), shape=STREAM, rate=rate))
    return parts


def _position_table(config: ModelConfig) -> Node:
    label = "Positional embedding"
    if config.positions == "sinusoidal":
        return Sinusoidal(label=label, reads=("positions",), shape=(T, C), width=C, offset=config.position_offset)
    offset = config.position_offset
    return Embedding(
        label=label,
        reads=("positions",),
        shape=(T, C),
        rows=S + number(offset) if offset else S,
        width=C,
        offset=offset,
        role=POSITION_TABLE,
    )


def _ending(plan: Plan) -> Parts:
    """The last layer's output to logits."""
    config = plan.config
    parts: Parts = []
    last = _LAYERS
    if config.final_norm:
        parts.append(("ln_f", norm(plan.final, "final {}", last, FINAL_NORM)))
        last = "ln_f"
    width = C
    if config.embedding_width:
        width = I
        projection = Linear(label="Head projection", reads=(last,), shape=(B, T, I), inputs=C, outputs=(I,), bias=False)
        parts.append(("head_proj", projection))
        last = "head_proj"
    head = Linear(
        label="Output head",
        reads=(last,),
        shape=(B, T, V),
        inputs=width,
        outputs=(V,),
        bias=config.head_bias,
        tied_to=f"{_TABLE}.weight" if plan.tied else None,
        role=HEAD,
    )
    parts.append(("lm_head", head))
    if config.logit_scale != 1:
        scale = Scale(label="Logit scale", reads=("lm_head",), shape=(B, T, V), factor=config.logit_scale)
        parts.append(("logit_scale", scale))
    if config.logit_softcap:
        cap = Softcap(label="Logit cap", reads=(parts[-1][0],), shape=(B, T, V), cap=config.logit_softcap)
        parts.append(("logit_cap", cap))
    return parts
