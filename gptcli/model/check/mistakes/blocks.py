"""Mistakes in how a block's parts are wired, each written as the code that people write."""

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from gptcli.architecture import Group, Part
from gptcli.architecture.network import Node
from gptcli.architecture.parts.add import Add
from gptcli.model.check.mistakes.edits import AGAIN, Change
from gptcli.model.check.mistakes.mistake import Mistake

Named = tuple[str, Node]


class Value:
    """What a part of a block gives, while the block is written anew; ``+`` enters the block's next sum."""

    def __init__(self, name: str, written: "_Written") -> None:
        self.name = name
        self._written = written

    def __add__(self, other: "Value") -> "Value":
        return self._written.enter(self._written.next_sum(), self, other)


Function = Callable[[Value], Value]
# From x and what a block has in order, the first norm, attention and so on, to what the block gives.
Code = Callable[..., Value]


class _Written:
    """The parts of a block, entered in the order in which code calls them."""

    def __init__(self, sums: list[Named]) -> None:
        self.parts: dict[str, Node] = {}
        self._sums = iter(sums)

    def next_sum(self) -> Named:
        return next(self._sums)

    def enter(self, part: Named, *taken: Value) -> Value:
        """Enter a part that reads values; one that is there already is entered as used again."""
        name, node = part
        if name in self.parts:
            name += AGAIN
        beside = node.reads[len(taken) :]  # what attention reads beside the stream
        self.parts[name] = replace(node, reads=(*(value.name for value in taken), *beside))
        return Value(name, self)

    def function(self, chain: list[Named]) -> Function:
        """Return a function that calls parts one after the other."""

        def call(x: Value) -> Value:
            for part in chain:
                x = self.enter(part, x)
            return x

        return call


_PRE = ("norm", "attention", "norm", "group")
_SANDWICH = ("norm", "attention", "norm", "norm", "group", "norm")
_BRANCH = ("attention", "norm", "group", "norm")
_SIDE_BY_SIDE = ("norm", "attention", "group")


def _wired(code: Code, *, kinds: tuple[str, ...] = _PRE) -> Change:
    """Wire blocks as code does. A block that has other parts, or is not wired rightly before, is left as it is."""

    def change(group: Group) -> Group:
        if group.kind != "block" or _rewritten(group, _RIGHT[kinds], kinds) != group:
            return group
        return _rewritten(group, code, kinds) or group

    return change


def _rewritten(group: Group, code: Code, kinds: tuple[str, ...]) -> Group | None:
    """Return a block of the same parts as code wires it; None where it has other parts than code can name."""
    sums: list[Named] = [(name, node) for name, node in group.parts if isinstance(node, Add)]
    chains = list(_chains(group))
    if len(sums) != 2 or tuple(_kind(chain[0][1]) for chain in chains) != kinds:
        return None
    written = _Written(sums)
    code(Value("x", written), *(written.function(chain) for chain in chains))
    return replace(group, parts=tuple(written.parts.items()))


def _chains(group: Group) -> Iterator[list[Named]]:
    """Yield each norm and group with the parts that only pass on what it gives: dropout."""
    chain: list[Named] = []
    for name, node in group.parts:
        if isinstance(node, Add):
            continue
        if chain and isinstance(node, Part) and node.family == "dropout" and node.reads == (chain[-1][0],):
            chain.append((name, node))
            continue
        if chain:
            yield chain
        chain = [(name, node)]
    if chain:
        yield chain


def _kind(node: Node) -> str:
    if isinstance(node, Part):
        return node.family
    return "attention" if isinstance(node, Group) and node.kind == "attention" else "group"


def _pre_norm(x: Value, n1: Function, attend: Function, n2: Function, feed: Function) -> Value:
    """Give what is right."""
    x = x + attend(n1(x))
    return x + feed(n2(x))


def _post_norm(x: Value, n1: Function, attend: Function, n2: Function, feed: Function) -> Value:
    x = n1(x + attend(x))
    return n2(x + feed(x))


def _norm_on_branch(x: Value, n1: Function, attend: Function, n2: Function, feed: Function) -> Value:
    x = x + n1(attend(x))
    return x + n2(feed(x))


def _no_shortcut_1(x: Value, n1: Function, attend: Function, n2: Function, feed: Function) -> Value:
    x = attend(n1(x))
    return x + feed(n2(x))


def _no_shortcut_2(x: Value, n1: Function, attend: Function, n2: Function, feed: Function) -> Value:
    x = x + attend(n1(x))
    return feed(n2(x))


def _no_shortcuts(_x: Value, n1: Function, attend: Function, n2: Function, feed: Function) -> Value:
    return feed(n2(attend(n1(_x))))


def _shortcut_1_normed(x: Value, n1: Function, attend: Function, n2: Function, feed: Function) -> Value:
    x = n1(x)
    x = x + attend(x)
    return x + feed(n2(x))


def _shortcut_2_normed(x: Value, n1: Function, attend: Function, n2: Function, feed: Function) -> Value:
    x = n2(x + attend(n1(x)))
    return x + feed(x)


def _shortcuts_normed(x: Value, n1: Function, attend: Function, n2: Function, feed: Function) -> Value:
    x = n1(x)
    x = n2(x + attend(x))
    return x + feed(x)


def _shortcut_2_from_start(x: Value, n1: Function, attend: Function, n2: Function, feed: Function) -> Value:
    return x + feed(n2(x + attend(n1(x))))


def _parallel(x: Value, n1: Function, attend: Function, n2: Function, feed: Function) -> Value:
    return x + attend(n1(x)) + feed(n2(x))


def _feed_first(x: Value, n1: Function, attend: Function, n2: Function, feed: Function) -> Value:
    x = x + feed(n2(x))
    return x + attend(n1(x))


def _no_norm_1(x: Value, _n1: Function, attend: Function, n2: Function, feed: Function) -> Value:
    x = x + attend(x)
    return x + feed(n2(x))


def _no_norm_2(x: Value, n1: Function, attend: Function, _n2: Function, feed: Function) -> Value:
    x = x + attend(n1(x))
    return x + feed(x)


def _norm_1_twice(x: Value, n1: Function, attend: Function, _n2: Function, feed: Function) -> Value:
    x = x + attend(n1(x))
    return x + feed(n1(x))


def _norms_swapped(x: Value, n1: Function, attend: Function, n2: Function, feed: Function) -> Value:
    x = x + attend(n2(x))
    return x + feed(n1(x))


def _sandwich(
    x: Value, n1: Function, attend: Function, p1: Function, n2: Function, feed: Function, p2: Function
) -> Value:
    """Give what is right where norms stand before a branch and at its end."""
    x = x + p1(attend(n1(x)))
    return x + p2(feed(n2(x)))


def _no_post_norms(
    x: Value, n1: Function, attend: Function, _p1: Function, n2: Function, feed: Function, _p2: Function
) -> Value:
    x = x + attend(n1(x))
    return x + feed(n2(x))


def _no_post_norm_1(
    x: Value, n1: Function, attend: Function, _p1: Function, n2: Function, feed: Function, p2: Function
) -> Value:
    x = x + attend(n1(x))
    return x + p2(feed(n2(x)))


def _no_post_norm_2(
    x: Value, n1: Function, attend: Function, p1: Function, n2: Function, feed: Function, _p2: Function
) -> Value:
    x = x + p1(attend(n1(x)))
    return x + feed(n2(x))


def _post_norms_after_sum(
    x: Value, n1: Function, attend: Function, p1: Function, n2: Function, feed: Function, p2: Function
) -> Value:
    x = p1(x + attend(n1(x)))
    return p2(x + feed(n2(x)))


def _as_in_llama(
    x: Value, n1: Function, attend: Function, p1: Function, _n2: Function, feed: Function, _p2: Function
) -> Value:
    x = x + attend(n1(x))
    return x + feed(p1(x))


def _inner_norms_swapped(
    x: Value, n1: Function, attend: Function, p1: Function, n2: Function, feed: Function, p2: Function
) -> Value:
    x = x + n2(attend(n1(x)))
    return x + p2(feed(p1(x)))


def _sandwich_no_norm_1(
    x: Value, _n1: Function, attend: Function, p1: Function, n2: Function, feed: Function, p2: Function
) -> Value:
    x = x + p1(attend(x))
    return x + p2(feed(n2(x)))


def _sandwich_no_norm_2(
    x: Value, n1: Function, attend: Function, p1: Function, _n2: Function, feed: Function, p2: Function
) -> Value:
    x = x + p1(attend(n1(x)))
    return x + p2(feed(x))


def _branch(x: Value, attend: Function, p1: Function, feed: Function, p2: Function) -> Value:
    """Give what is right where norms stand at the end of a branch alone, as in OLMo 2."""
    x = x + p1(attend(x))
    return x + p2(feed(x))


def _before_branch(x: Value, attend: Function, p1: Function, feed: Function, p2: Function) -> Value:
    x = x + attend(p1(x))
    return x + feed(p2(x))


def _branch_after_sum(x: Value, attend: Function, p1: Function, feed: Function, p2: Function) -> Value:
    x = p1(x + attend(x))
    return p2(x + feed(x))


def _side_by_side(x: Value, n: Function, attend: Function, feed: Function) -> Value:
    """Give what is right where both branches read the same norm."""
    normed = n(x)
    x = x + attend(normed)
    return x + feed(normed)


def _one_then_the_other(x: Value, n: Function, attend: Function, feed: Function) -> Value:
    x = x + attend(n(x))
    return x + feed(n(x))


_RIGHT: dict[tuple[str, ...], Code] = {
    _PRE: _pre_norm,
    _SANDWICH: _sandwich,
    _BRANCH: _branch,
    _SIDE_BY_SIDE: _side_by_side,
}

MISTAKES = (
    Mistake(
        "no-post-norms",
        "the norms after attention and after feed forward are missing: x = x + post_norm(attention(norm(x)))",
        _wired(_no_post_norms, kinds=_SANDWICH),
    ),
    Mistake(
        "no-post-norm-1",
        "the norm after attention is missing: x = x + post_norm(attention(norm(x)))",
        _wired(_no_post_norm_1, kinds=_SANDWICH),
    ),
    Mistake(
        "no-post-norm-2",
        "the norm after feed forward is missing: x = x + post_norm(feed_forward(norm(x)))",
        _wired(_no_post_norm_2, kinds=_SANDWICH),
    ),
    Mistake(
        "post-norm-after-sum",
        "the norm after a branch comes after the shortcut too; it belongs before the sum: x = x + post_norm(...)",
        _wired(_post_norms_after_sum, kinds=_SANDWICH),
    ),
    Mistake(
        "post-attention-norm-before-feed-forward",
        "the norm called post_attention stands before feed forward, as in Llama; here it norms what attention gives, "
        "and feed forward has norms of its own",
        _wired(_as_in_llama, kinds=_SANDWICH),
    ),
    Mistake(
        "norms-swapped",
        "the norm after attention and the one before feed forward are swapped",
        _wired(_inner_norms_swapped, kinds=_SANDWICH),
    ),
    Mistake(
        "no-norm-1",
        "the norm before attention is missing",
        _wired(_sandwich_no_norm_1, kinds=_SANDWICH),
    ),
    Mistake(
        "no-norm-2",
        "the norm before feed forward is missing",
        _wired(_sandwich_no_norm_2, kinds=_SANDWICH),
    ),
    Mistake(
        "norm-before-branch",
        "the norms are applied to the inputs of attention and feed forward; this network norms their outputs, "
        "x = x + norm(attention(x))",
        _wired(_before_branch, kinds=_BRANCH),
    ),
    Mistake(
        "post-norm",
        "post-norm: the norm comes after the shortcut; here it stands before the sum: x = x + norm(attention(x))",
        _wired(_branch_after_sum, kinds=_BRANCH),
    ),
    Mistake(
        "not-parallel",
        "feed forward reads what attention gave; here both read the block's normed input, side by side",
        _wired(_one_then_the_other, kinds=_SIDE_BY_SIDE),
    ),
    Mistake(
        "post-norm",
        "post-norm: the norm comes after the shortcut; it belongs before: x = x + attention(norm(x))",
        _wired(_post_norm),
    ),
    Mistake(
        "norm-on-branch",
        "the norm is applied to the outputs of attention and feed forward; it belongs to their inputs",
        _wired(_norm_on_branch),
    ),
    Mistake("no-shortcut-1", "missing shortcut around attention: x = x + attention(norm(x))", _wired(_no_shortcut_1)),
    Mistake(
        "no-shortcut-2",
        "missing shortcut around feed forward: x = x + feed_forward(norm(x))",
        _wired(_no_shortcut_2),
    ),
    Mistake("no-shortcuts", "missing shortcuts, both of them: x = x + attention(norm(x))", _wired(_no_shortcuts)),
    Mistake(
        "shortcut-1-after-norm",
        "the shortcut around attention leaves after the norm; keep x from before it",
        _wired(_shortcut_1_normed),
    ),
    Mistake(
        "shortcut-2-after-norm",
        "the shortcut around feed forward leaves after the norm; keep x from before it",
        _wired(_shortcut_2_normed),
    ),
    Mistake(
        "shortcuts-after-norm",
        "both shortcuts leave after the norm; keep x from before it",
        _wired(_shortcuts_normed),
    ),
    Mistake(
        "shortcut-2-from-start",
        "the second shortcut adds the block's input; it adds what the first shortcut gave",
        _wired(_shortcut_2_from_start),
    ),
    Mistake(
        "parallel",
        "attention and feed forward both read the block's input, as in GPT-J; here one runs after the other",
        _wired(_parallel),
    ),
    Mistake("feed-forward-first", "feed forward runs before attention", _wired(_feed_first)),
    Mistake("no-norm-1", "the norm before attention is missing", _wired(_no_norm_1)),
    Mistake("no-norm-2", "the norm before feed forward is missing", _wired(_no_norm_2)),
    Mistake(
        "norm-1-twice",
        "the first norm is used twice; the second one stands before feed forward",
        _wired(_norm_1_twice),
    ),
    Mistake("norms-swapped", "the two norms of the block are swapped", _wired(_norms_swapped)),
)
