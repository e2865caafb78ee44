"""Memory over a forward pass or a training step: a sweep over what each kernel allocates, keeps and gives back.

The sweep keeps the books of torch's autograd. A value lives while a reader is still to come; a kernel's backward keeps
what it saved until it has run; gradients flow back through the kernels in reverse order and are summed where a value
had two readers.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from gptcli.analysis.program import SOURCE, Section
from gptcli.architecture.axes import Sizes, elements
from gptcli.architecture.books import Amount, Gradient, Kernel, Permuted, Temporary
from gptcli.architecture.strides import Numbers, contiguous, dense_like, permuted, viewed

Held = Counter[Amount]

_SHARED_WEIGHT = "shared weight"


def rounded_bytes(amount: Amount, sizes: Sizes, granularity: int) -> int:
    """Return the bytes of a tensor as an allocator of that granularity counts them."""
    return rounded_up(elements(amount.shape, sizes) * amount.item, granularity)


def rounded_up(exact: int, granularity: int) -> int:
    """Return the next multiple of the granularity."""
    return -(-exact // granularity) * granularity


class Buffer:
    """Memory that several values and saved tensors may share; ``viewed`` memory is never added to in place.

    Attributes:
        amount: what lies there.
        owner: what has allocated it: itself, or for a view another.
        references: how many hold the memory, views of it included; an owner's.
        viewed: whether it is a view.
        strides: how its numbers lie; None for contiguous.
    """

    __slots__ = ("amount", "owner", "references", "strides", "viewed")

    def __init__(self, amount: Amount, owner: "Buffer | None" = None, strides: Numbers | None = None) -> None:
        self.amount = amount
        self.owner = owner or self
        self.references = 1
        self.viewed = owner is not None
        self.strides = strides

    def hold(self, times: int = 1) -> None:
        """Take so many references more to the memory."""
        self.owner.references += times

    def view(self, strides: Numbers | None) -> "Buffer":
        """Return a view, which holds the memory too."""
        self.hold()
        return Buffer(self.amount, self.owner, strides)


class Memory:
    """What is alive, and the most that ever was, in all and per phase.

    Args:
        sizes: the value of every symbol.
        granularity: what the allocator rounds each tensor up to; 1 for none.

    Attributes:
        live: bytes.
        peak: the highest ``live``.
        peak_phase: the phase of that moment.
        phases: the highest ``live`` of each phase, in order.
        journal: every change of a count in order, and None wherever the peak was looked at.
    """

    def __init__(self, sizes: Sizes, granularity: int = 1) -> None:
        self.sizes = sizes
        self.granularity = granularity
        self._bytes = _Bytes(sizes, granularity)
        self.live = 0
        self.peak = 0
        self._peak_entry = 0
        self.peak_phase = ""
        self.phases: dict[str, int] = {}
        self.journal: list[tuple[Amount, int] | None] = []
        self._phase = ""

    def begin(self, phase: str) -> None:
        """Enter a phase, or enter it again."""
        self._phase = phase
        self.phases.setdefault(phase, 0)
        self.notice()

    def bytes_of(self, amount: Amount) -> int:
        """Return the bytes of a tensor."""
        return self._bytes[amount]

    @property
    def at_peak(self) -> Held:
        """What was held at the peak."""
        return _changes(self.journal[: self._peak_entry])

    def allocate(self, amount: Amount) -> Buffer:
        """Allocate a tensor; the caller holds one reference."""
        self.add(amount, 1)
        self.notice()
        return Buffer(amount)

    def release(self, buffer: Buffer) -> None:
        """Give up a reference; the memory goes with the last."""
        owner = buffer.owner
        owner.references -= 1
        if owner.references == 0:
            self.add(owner.amount, -1)

    def add(self, amount: Amount, times: int) -> None:
        """Add or remove tensors without regard to references."""
        self.journal.append((amount, times))
        self.live += times * self._bytes[amount]

    def repeat(self, since: int, times: int) -> None:
        """Repeat the changes since an entry of the journal so many times more."""
        for amount, change in _changes(self.journal[since:]).items():
            self.add(amount, times * change)
        self.notice()

    def notice(self) -> None:
        """Keep the highest reading; `allocate` and `repeat` do it by themselves."""
        self.journal.append(None)
        if self.live > self.phases[self._phase]:
            self.phases[self._phase] = self.live
        if self.live > self.peak:
            self.peak = self.live
            self.peak_phase = self._phase
            self._peak_entry = len(self.journal)


class _Bytes(dict[Amount, int]):
    """The bytes of each tensor that was asked for."""

    def __init__(self, sizes: Sizes, granularity: int) -> None:
        super().__init__()
        self._sizes, self._granularity = sizes, granularity

    def __missing__(self, amount: Amount) -> int:
        self[amount] = bytes_ = rounded_bytes(amount, self._sizes, self._granularity)
        return bytes_


def _changes(entries: Iterable[tuple[Amount, int] | None]) -> Held:
    """Add up what was made and let go, by kinds of tensors."""
    held: Held = Counter()
    for entry in entries:
        if entry is not None:
            held[entry[0]] += entry[1]
    return held


class BackwardNode:
    """A kernel that has run and waits for its backward, with what it saved."""

    __slots__ = ("extras", "kernel", "saved")

    def __init__(self, kernel: Kernel, saved: list[Buffer], extras: list[Buffer]) -> None:
        self.kernel = kernel
        self.saved = saved
        self.extras = extras


def _last_saving(section: Section) -> int:
    """Return the index of the last kernel that keeps something for its backward."""
    return max(i for i, kernel in enumerate(section.kernels) if _keeps(kernel))


def _keeps(kernel: Kernel) -> bool:
    """Return whether a kernel keeps something for its backward."""
    return kernel.differentiable and (kernel.keeps or bool(kernel.saves) or len(kernel.made) > 1)


def _produced(listed: list[Kernel]) -> set[str]:
    return {name for kernel in listed if kernel.differentiable for name in kernel.outs}


class Sweep:
    """Runs sections forward and backward over a `Memory`.

    Args:
        memory: the books.
        tied: the parameters that share a weight, whose gradients are summed too.

    Attributes:
        cached: buffers that autocast keeps until `release_cached`.
        accumulating: whether parameters have a gradient already: a new one is added to it in place, and goes.
        shared: by their names, the values beside the stream that every layer reads.
    """

    def __init__(self, memory: Memory, *, tied: tuple[str, ...] = ()) -> None:
        self.memory = memory
        self._tied = tied
        self.cached: list[Buffer] = []
        self.accumulating = False
        self.shared: dict[str, Buffer] = {}

    def forward(
        self,
        section: Section,
        source: Buffer | None,
        *,
        saving: bool,
        source_name: str = SOURCE,
        shares: tuple[str, ...] = (),
    ) -> tuple[Buffer, list[BackwardNode]]:
        """Run a section.

        Args:
            section: the kernels.
            source: the value the section takes, whose reference passes to it; None where it takes none.
            saving: whether kernels save for a backward pass.
            source_name: what the kernels call the source.
            shares: values beside its result that go to ``shared``, with a reference each.

        Returns:
            The result, one reference to it, and the nodes of the kernels that have a backward.
        """
        values = dict(self.shared)
        if source is not None:
            values[source_name] = source
        nodes = []
        for kernel, released in zip(section.kernels, section.released, strict=True):
            node = self._run(kernel, values, saving=saving)
            if saving and kernel.differentiable:
                nodes.append(node)
            self._let_go(values, released)
        self.shared.update({name: values[name] for name in shares})
        return values[section.result], nodes

    def release_shared(self) -> None:
        """Give up what every layer reads, once the last has."""
        self._release_all(list(self.shared.values()))

    def backward_before_rerun(self, section: Section, gradients: dict[str, Buffer]) -> None:
        """Run the backward of the kernels after the last that saved something: it needs no rerun."""
        nodes = [BackwardNode(kernel, [], []) for kernel in section.kernels[_last_saving(section) + 1 :]]
        self.backward(nodes, gradients, produced=_produced(section.kernels))

    def rerun(self, section: Section, source: Buffer) -> list[BackwardNode]:
        """Run a section again for its backward pass, up to where its last saved tensor is there."""
        outer, self.cached = self.cached, []
        source.hold()
        values = {**self.shared, SOURCE: source}
        nodes = []
        last = _last_saving(section)
        for kernel, released in zip(section.kernels[:last], section.released[:last], strict=True):
            node = self._run(kernel, values, saving=True)
            if kernel.differentiable:
                nodes.append(node)
            self._let_go(values, released)
        nodes.append(self._save_only(section.kernels[last], values))
        self._let_go(values, [name for name in values if name not in self.shared])
        self.release_cached()
        self.cached = outer
        return nodes

    def release_cached(self) -> None:
        """Leave autocast."""
        self._release_all(self.cached)
        self.cached = []

    def _run(self, kernel: Kernel, values: dict[str, Buffer], *, saving: bool) -> BackwardNode:
        if kernel.view_of is not None:
            shared = values[kernel.view_of]
            shared.hold(len(kernel.outs))
            values.update(dict.fromkeys(kernel.outs, shared))
            extras = []
        else:
            made = [self.memory.allocate(amount) for amount in kernel.made]
            values[kernel.outs[0]] = made[0]
            extras = made[1:]
            if kernel.cached:
                made[0].hold()
                self.cached.append(made[0])
        if not saving or not kernel.differentiable:
            self._release_all(extras)
            return BackwardNode(kernel, [], [])
        return BackwardNode(kernel, self._saved(kernel, values), extras)

    def _save_only(self, kernel: Kernel, values: dict[str, Buffer]) -> BackwardNode:
        """Stop before the kernel itself, if it does not make all at once: what it saves is there, its value is not."""
        value = [self.memory.allocate(amount) for amount in kernel.made[:1]] if kernel.together else []
        extras = [self.memory.allocate(amount) for amount in kernel.made[1:]]
        self._release_all(value)
        return BackwardNode(kernel, self._saved(kernel, values), extras)

    @staticmethod
    def _saved(kernel: Kernel, values: dict[str, Buffer]) -> list[Buffer]:
        saved = [values[name] for name in kernel.saves if name in values]
        for buffer in saved:
            buffer.hold()
        return saved

    def backward(
        self,
        nodes: list[BackwardNode],
        gradients: dict[str, Buffer],
        *,
        saved_go_early: bool = False,
        produced: set[str] | None = None,
        rerun_from: Sequence[Buffer] = (),
    ) -> None:
        """Run the backward of nodes in reverse order.

        Args:
            nodes: in order of execution.
            gradients: of values, one reference each; consumed, and filled with those of the section's source.
            saved_go_early: tensors of a rerun are dropped as they are used, before late sums; else after them.
            produced: the values that have a gradient, where they are not those of the nodes alone.
            rerun_from: what a rerun needed. The hooks of the saved tensors hold it, so it goes with the last of them.
        """
        produced = produced or _produced([node.kernel for node in nodes])
        first_saving = min((i for i, node in enumerate(nodes) if _keeps(node.kernel)), default=0)
        for index, node in reversed(list(enumerate(nodes))):
            self._back(node, gradients, produced, saved_go_early=saved_go_early)
            if index == first_saving:
                self._release_all(list(rerun_from))

    def _back(
        self, node: BackwardNode, gradients: dict[str, Buffer], produced: set[str], *, saved_go_early: bool
    ) -> None:
        kernel = node.kernel
        incoming = [gradients.pop(name) for name in kernel.outs if name in gradients]
        new: dict[str, Buffer] = {}
        arrived: list[Buffer] = []
        temporaries: dict[str | None, list[Buffer]] = {}
        strides = incoming[0].strides if incoming else None
        self._make_all(kernel, new, arrived, temporaries, late=False, strides=strides)
        if saved_go_early:
            self._release_all([*node.saved, *node.extras])
        self._make_all(kernel, new, arrived, temporaries, late=True, strides=strides)
        made_for = {each.of for each in kernel.gradients if isinstance(each, Gradient)}
        for name in kernel.reads:
            if name not in made_for and (name in produced or name == SOURCE):
                new[name] = self._passed(kernel, incoming[0])
        if not saved_go_early:
            self._release_all([*node.saved, *node.extras])
        if kernel.arrives:
            arrived += incoming
        else:
            self._release_all(incoming)
        for name, buffer in new.items():
            self._accumulate(gradients, name, buffer)
        if self.accumulating:
            self._release_all(arrived)

    def _passed(self, kernel: Kernel, incoming: Buffer) -> Buffer:
        """Return what a kernel without a gradient of its own passes back: the incoming one, or a view of it."""
        inverse = kernel.inverse
        if inverse is None:
            if kernel.parts:
                return incoming.view(incoming.strides)
            incoming.hold()
            return incoming
        strides = incoming.strides or contiguous(inverse.shape)
        if isinstance(inverse, Permuted):
            return incoming.view(permuted(strides, inverse.dims))
        lies = viewed(inverse.shape, strides, inverse.into)
        return incoming.view(lies) if lies is not None else self.memory.allocate(inverse.copy)

    def _make_all(
        self,
        kernel: Kernel,
        new: dict[str, Buffer],
        arrived: list[Buffer],
        temporaries: dict[str | None, list[Buffer]],
        *,
        late: bool,
        strides: Numbers | None,
    ) -> None:
        """Make what belongs to the kernel's own part or to the engine's; ``temporaries`` lie by what they wait for."""
        for each in kernel.gradients:
            if each.late != late:
                continue
            if isinstance(each, Temporary):
                temporaries.setdefault(each.until, []).append(self.memory.allocate(each.amount))
                made = each.name
            else:
                self._make(each, new, arrived, strides)
                made = each.of
            self._release_all(temporaries.pop(made, []))
        self._release_all(temporaries.pop(None, []))

    def _make(self, gradient: Gradient, new: dict[str, Buffer], arrived: list[Buffer], strides: Numbers | None) -> None:
        """Make a gradient: of a value, of a weight that two share, or of a parameter, where it has arrived."""
        buffer = self.memory.allocate(gradient.amount)
        buffer.viewed = gradient.viewed
        buffer.strides = gradient.strides
        if gradient.shape is not None and strides is not None:
            buffer.strides = dense_like(gradient.shape, strides)
        if not gradient.parameter:
            new[gradient.of] = buffer
        elif gradient.of in self._tied:
            new[_SHARED_WEIGHT] = buffer
        else:
            arrived.append(buffer)

    def _accumulate(self, gradients: dict[str, Buffer], name: str, buffer: Buffer) -> None:
        """Sum two gradients of one value as autograd's engine does: into the first where nothing else holds it."""
        if name not in gradients:
            gradients[name] = buffer
            return
        first = gradients[name]
        if first.owner.references == 1 and not first.viewed:
            self.memory.release(buffer)
        else:
            gradients[name] = self.memory.allocate(buffer.amount)
            gradients[name].strides = first.strides
            self._release_all([first, buffer])
        if self.accumulating and name == _SHARED_WEIGHT:
            self.memory.release(gradients.pop(name))

    def _let_go(self, values: dict[str, Buffer], names: list[str]) -> None:
        for name in names:
            if name in values:
                self.memory.release(values.pop(name))

    def _release_all(self, buffers: list[Buffer]) -> None:
        for buffer in buffers:
            self.memory.release(buffer)
