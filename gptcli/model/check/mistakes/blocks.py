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
# From x, the first norm, attention, the second norm and the feed forward to what the block gives.
Code = Callable[[Value, Function, Function, Function, Function], Value]


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
        self.parts[name] = replace(node, reads=tuple(value.name for value in taken))
        return Value(name, self)

    def function(self, chain: list[Named]) -> Function:
        """Return a function that calls parts one after the other."""

        def call(x: Value) -> Value:
            for part in chain:
                x = self.enter(part, x)
            return x

        return call


def _wired(code: Code) -> Change:
    """Wire blocks as code does. A block that is not wired as GPT-2's is left as it is."""

    def change(group: Group) -> Group:
        if group.kind != "block" or _rewritten(group, _pre_norm) != group:
            return group
        return _rewritten(group, code) or group

    return change


def _rewritten(group: Group, code: Code) -> Group | None:
    """Return a block of the same parts as code wires it; None where it has other parts than code can name."""
    sums: list[Named] = [(name, node) for name, node in group.parts if isinstance(node, Add)]
    chains = list(_chains(group))
    if len(sums) != 2 or [_kind(chain[0][1]) for chain in chains] != ["norm", "attention", "norm", "group"]:
        return None
    written = _Written(sums)
    norm_1, attend, norm_2, feed = (written.function(chain) for chain in chains)
    code(Value("x", written), norm_1, attend, norm_2, feed)
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


MISTAKES = (
    Mistake(
        "post-norm",
        "post-norm: the norm comes after the shortcut; GPT-2 norms before: x = x + attention(norm(x))",
        _wired(_post_norm),
    ),
    Mistake(
        "norm-on-branch",
        "the norm is applied to the outputs of attention and feed forward; GPT-2 norms their inputs",
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
        "attention and feed forward both read the block's input, as in GPT-J; GPT-2 runs one after the other",
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
