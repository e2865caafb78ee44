"""The pass or the training step whose memory is estimated, from the described network to a swept `Memory`.

The step, in steady state (optimizer state exists, gradients are None)::

    logits = model(ids)
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)

With ``accumulate`` above 1 the first three lines are a loop over so many micro-batches, and the loss is divided by
their number; the names keep logits and loss of a micro-batch until those of the next are there. ``logits`` stays
referenced throughout, or until the loss is there where a loss function lets them go (``free_logits``); ids and targets
of one micro-batch count.
"""

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from gptcli.analysis.frozen import without_frozen
from gptcli.analysis.optimizer_steps import optimizer_step
from gptcli.analysis.optimizers import embedding_tables, shared_states, shares, states
from gptcli.analysis.program import SOURCE, Program, Repeated, Section, program_of, section_of
from gptcli.analysis.run_facts import activation_dtype, cache_dtype
from gptcli.analysis.sweep import BackwardNode, Buffer, Memory, Sweep
from gptcli.analysis.weight_bytes import weight_amounts
from gptcli.analysis.workload import Workload
from gptcli.architecture import Network, Part, Shape, Sizes, elements, size, weights
from gptcli.architecture.adapters import is_adapter
from gptcli.architecture.axes import ONE, B, K, T, number
from gptcli.architecture.books import FP32, INDEX, Amount, Conditions
from gptcli.architecture.dtypes import BITS, CACHE_BITS, bytes_of
from gptcli.architecture.listing import parts_of, read_shape
from gptcli.architecture.loss import loss_kernels

# Between equal periods of a run memory moves by equal amounts, so its extremes lie at the ends: the first two and the
# last period are swept, and what the others add is the change of the second, so many times.
_REPEATED, _SWEPT = 1, 3

# The second micro-batch finds gradients, logits and loss of the first; all that follow find what it finds.
_UNLIKE_MICRO_BATCHES = 2

FORWARD, LOSS, BACKWARD, OPTIMIZER = "forward", "loss", "backward", "optimizer step"
PREFILL, DECODE = "prefill", "decode"

_CUDA_GRANULARITY = 512  # torch's caching allocator rounds every tensor up to this (kMinBlockSize)
_HALF = BITS["bf16"] // 8
# What torch.get_rng_state() gives of the CPU's generator; a card's 16 bytes lie in the CPU's memory as well.
_GENERATOR_STATE = Amount("Random number states", (number(5056),), 1)


def swept(network: Network, options: Workload) -> Memory:
    """Sweep a forward pass or a training step and return the books, peak and all."""
    network = network.on(options.attention)
    sizes = network.sizes_for(options.batch, options.tokens)
    training = options.mode == "training"
    given = _conditions(options, sizes)
    memory = Memory(sizes, _granularity(options.device))
    for amount, times in weight_amounts(network, options.dtype, sizes):
        memory.add(amount, times)
    for held, times in _buffers(network, sizes, options.device):
        memory.add(held, times)
    memory.add(Amount("Token ids", (B, T), INDEX), 1)
    sweep = Sweep(memory, tied=_sharing(network))
    program = program_of(network, given)
    if training and network.adapters is not None:
        program = without_frozen(program, is_adapter)
    if training:
        _training_step(sweep, program, network, given, options)
    elif options.mode == "generate":
        _generation(sweep, network, options, given)
    else:
        memory.begin(FORWARD)
        _inference(sweep, program)
    return memory


def _buffers(network: Network, sizes: Sizes, device: str) -> Iterator[tuple[Amount, int]]:
    """Yield what parts keep beside their parameters: corrections of routers, frequencies of positions.

    Frequencies lie in the CPU's memory, whatever the device.
    """
    for found, part in parts_of(network):
        for shape in part.held(found.sizes(sizes)) if device == "cpu" else part.buffers().values():
            yield Amount("Buffers", read_shape(network, found.layer, shape), FP32), found.amount


def _sharing(network: Network) -> tuple[str, ...]:
    """Return the paths of weights that share memory with another."""
    return tuple(path for weight in weights(network) if weight.tied_to for path in (weight.tied_to, weight.path))


def _granularity(device: str) -> int:
    return _CUDA_GRANULARITY if device == "cuda" else 1


def _conditions(options: Workload, sizes: Sizes) -> Conditions:
    stream = BITS[activation_dtype(replace(options, amp=False))] // 8
    return Conditions(
        sizes=sizes,
        item=_HALF if options.amp else stream,
        stream_item=stream,
        training=options.mode == "training" or options.dropout,
        device=options.device,
        widens=_widens(options),
    )


def _widens(options: Workload) -> bool:
    """Return whether products are made in fp32: `gptcli.model.products` does so where nothing asks for torch's own."""
    plain = options.attention == "sdpa" and not (options.amp or options.dropout or options.mode == "training")
    return options.widens and plain and options.device == "cpu" and options.dtype in ("bf16", "fp16")


def _generation(sweep: Sweep, network: Network, options: Workload, given: Conditions) -> None:
    """The two moments of generation up to T tokens: a prompt of T read at once, and the last of T tokens read alone.

    ::

        cache = KVCache(capacity=T)
        logits = model(ids, cache)[:, -1]              # prefill
        logits = model(ids[:, -1:], cache)[:, -1]      # decode, with T - 1 tokens in the cache

    The output head runs for the last position alone. A decoding token never takes more than the prefill.
    """
    memory = sweep.memory
    _add_cache(memory, network, cache_dtype(options))
    network, given = _last_position_only(network), replace(given, cached=True)
    memory.begin(PREFILL)
    _inference(sweep, program_of(network, given, last_only=True))
    memory.begin(DECODE)
    alone_sizes = {**network.sizes_for(options.batch, 1), "K": options.tokens}
    alone = Sweep(Memory(alone_sizes, memory.granularity))
    alone.memory.begin(DECODE)
    _inference(alone, program_of(network, replace(given, sizes=alone_sizes, keys=K), last_only=True))
    memory.phases[DECODE] = memory.live + alone.memory.peak


def _add_cache(memory: Memory, network: Network, dtype: str) -> None:
    kept = [
        (read_shape(network, found.layer, _kept_shape(part, shape, found.sizes(memory.sizes))), found.amount)
        for found, part in parts_of(network)
        for shape in part.cached()
    ]
    if CACHE_BITS[dtype] % 8:  # half bytes: the whole is rounded up, not each tensor
        numbers = sum(elements(shape, memory.sizes) * times for shape, times in kept)
        memory.add(Amount("KV cache", (ONE,), bytes_of(numbers, dtype)), 1)
        return
    for shape, times in kept:
        memory.add(Amount("KV cache", shape, CACHE_BITS[dtype] // 8), times)


def _kept_shape(part: Part, shape: Shape, sizes: Sizes) -> Shape:
    """Return a kept tensor's shape, which is no longer than a window is wide."""
    if part.kept_of is None or sizes["T"] <= size(part.kept_of, sizes):
        return shape
    return tuple(part.kept_of if dim == T else dim for dim in shape)


def _last_position_only(network: Network) -> Network:
    """Return the network that gives the logits of each text's last token only."""
    place = network.place_of_stack
    after = tuple((name, _of_one_token(node)) for name, node in network.parts[place + 1 :] if isinstance(node, Part))
    return replace(network, parts=(*network.parts[: place + 1], *after))


def _of_one_token(part: Part) -> Part:
    return replace(part, shape=tuple(ONE if dim == T else dim for dim in part.shape))


def _inference(sweep: Sweep, program: Program) -> None:
    x, _ = sweep.forward(program.before, None, saving=False, shares=program.others)
    layers = _Layers(sweep, program, saving=False, recompute=False)
    x = layers.forward(x)
    sweep.release_shared()
    logits, _ = sweep.forward(program.after, x, saving=False)
    layers.leave_autocast()
    sweep.memory.release(logits)


def _training_step(sweep: Sweep, program: Program, network: Network, given: Conditions, options: Workload) -> None:
    memory = sweep.memory
    memory.add(Amount("Targets", (B, T), INDEX), 1)
    _add_optimizer_state(memory, network, options.optimizer, given.stream_item)
    held = _Held()
    for place in range(min(options.accumulate, _UNLIKE_MICRO_BATCHES)):
        sweep.accumulating = place > 0
        held = _micro_batch(sweep, program, given, options, held)

    memory.begin(OPTIMIZER)
    optimizer_step(memory, network, options)


class _Held(Struct):
    """What the loop's names keep of a micro-batch until the next one's are there: nothing before the first."""

    logits: Buffer | None = None
    loss: Buffer | None = None


def _micro_batch(sweep: Sweep, program: Program, given: Conditions, options: Workload, before: _Held) -> _Held:
    """Run a micro-batch forward and backward."""
    memory, recompute = sweep.memory, options.recompute == "block"
    layers = _Layers(sweep, program, saving=not recompute, recompute=recompute, keeps_states=options.device == "cpu")

    memory.begin(FORWARD)
    x, nodes_before = sweep.forward(program.before, None, saving=True, shares=program.others)
    x = layers.forward(x)
    sweep.release_shared()
    logits, nodes_after = sweep.forward(program.after, x, saving=True)
    if before.logits is not None:
        memory.release(before.logits)

    memory.begin(LOSS)
    kernels = loss_kernels(program.after.result, given, shared=options.accumulate > 1)
    loss_section = section_of(kernels, kernels[-1].outs[0])
    logits.hold()
    loss, nodes_loss = sweep.forward(loss_section, logits, saving=True, source_name=program.after.result)
    layers.leave_autocast()
    if options.free_logits:
        memory.release(logits)
    if before.loss is not None:
        memory.release(before.loss)

    memory.begin(BACKWARD)
    root = memory.allocate(Amount("Gradient of the loss", (ONE,), given.stream_item))
    root.hold()
    gradients = {loss_section.result: root}
    sweep.backward(nodes_loss, gradients)
    sweep.backward(nodes_after, gradients)
    layers.backward(gradients)
    if SOURCE in gradients:  # not where all before the first adapter is frozen
        gradients[program.before.result] = gradients.pop(SOURCE)
        sweep.backward(nodes_before, gradients)
    memory.release(root)
    return _Held(None if options.free_logits else logits, loss)


class _Layers:
    """All runs of layers, forward and backward."""

    def __init__(
        self, sweep: Sweep, program: Program, *, saving: bool, recompute: bool, keeps_states: bool = False
    ) -> None:
        """``keeps_states``: a rerun must draw the same dropout masks, so the state of the generator is kept."""
        self._sweep = sweep
        self._runs = [
            _Run(sweep, run, saving=saving, recompute=recompute, keeps_states=keeps_states) for run in program.runs
        ]

    def forward(self, x: Buffer) -> Buffer:
        for run in self._runs:
            x = run.forward(x)
        return x

    def leave_autocast(self) -> None:
        """Give back what only autocast's cache held, of the layers that were not swept too."""
        for run in self._runs:
            run.leave_autocast()
        self._sweep.release_cached()

    def backward(self, gradients: dict[str, Buffer]) -> None:
        for run in reversed(self._runs):
            run.backward(gradients)


class _Swept(Struct):
    """A layer that has run forward: its section, and what its backward needs."""

    section: Section
    nodes: list[BackwardNode]
    source: Buffer | None
    state: Buffer | None
    shared: list[Buffer] = []


class _Run:
    """A run of layers, forward and backward, at a cost that does not depend on how often its period is repeated."""

    def __init__(self, sweep: Sweep, run: Repeated, *, saving: bool, recompute: bool, keeps_states: bool) -> None:
        self._sweep = sweep
        self._keeps_states = recompute and keeps_states
        self._period = run.period
        self._saving = saving
        self._recompute = recompute
        self._skipped = max(0, run.times - _SWEPT)
        self._periods = run.times - self._skipped
        self._swept: list[_Swept] = []
        self._cached_by_one: list[Buffer] = []

    def forward(self, x: Buffer) -> Buffer:
        sweep = self._sweep
        for index in range(self._periods):
            before, cached = len(sweep.memory.journal), len(sweep.cached)
            for section in self._period:
                x = self._run(section, x)
            if index == _REPEATED and self._skipped:
                sweep.memory.repeat(before, self._skipped)
                self._cached_by_one = sweep.cached[cached:]
        return x

    def _run(self, section: Section, x: Buffer) -> Buffer:
        source = state = None
        shared: list[Buffer] = []
        if self._recompute:  # the layer's input is all that is kept
            x.hold()
            source = x
            shared = list(self._sweep.shared.values())
            for buffer in shared:
                buffer.hold()
        if self._keeps_states and section.random:
            state = self._sweep.memory.allocate(_GENERATOR_STATE)
        x, nodes = self._sweep.forward(section, x, saving=self._saving)
        self._swept.append(_Swept(section, nodes, source, state, shared))
        return x

    def leave_autocast(self) -> None:
        for buffer in self._cached_by_one:
            if buffer.owner.references == 1:
                self._sweep.memory.add(buffer.amount, -self._skipped)

    def backward(self, gradients: dict[str, Buffer]) -> None:
        for index in reversed(range(self._periods)):
            before = len(self._sweep.memory.journal)
            for _ in self._period:
                self._back(self._swept.pop(), gradients)
            if index == _REPEATED and self._skipped:
                self._sweep.memory.repeat(before, self._skipped)

    def _back(self, swept: _Swept, gradients: dict[str, Buffer]) -> None:
        sweep = self._sweep
        if SOURCE not in gradients:
            return
        gradients[swept.section.result] = gradients.pop(SOURCE)
        if swept.source is None:
            sweep.backward(swept.nodes, gradients)
            return
        sweep.backward_before_rerun(swept.section, gradients)
        nodes = self._rerun(swept.section, swept.source, with_state=swept.state is not None)
        needed = [buffer for buffer in (swept.source, swept.state, *swept.shared) if buffer is not None]
        sweep.backward(nodes, gradients, saved_go_early=True, rerun_from=needed)

    def _rerun(self, section: Section, source: Buffer, *, with_state: bool) -> list[BackwardNode]:
        """Run a layer again; where its state is put back for that, today's is set aside."""
        memory = self._sweep.memory
        aside = memory.allocate(_GENERATOR_STATE) if with_state else None
        nodes = self._sweep.rerun(section, source)
        if aside is not None:
            memory.release(aside)
        return nodes


def _add_optimizer_state(memory: Memory, network: Network, name: str, item: int) -> None:
    tables = embedding_tables(network)
    for share in shares(name, network):
        for weight in share.weights:
            times = weight.amount(memory.sizes)
            for shape, bytes_ in states(share.optimizer, weight, memory.sizes, item, tables):
                memory.add(Amount("Optimizer state", shape, bytes_), times)
        for shape, bytes_ in shared_states(share, memory.sizes, tables):
            memory.add(Amount("Optimizer state", shape, bytes_), 1)
