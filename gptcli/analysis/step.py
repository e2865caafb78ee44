"""The pass or the training step whose memory is estimated, from the described network to a swept `Memory`.

The step, in steady state (optimizer state exists, gradients are None)::

    logits = model(ids)
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)

``logits`` stays referenced throughout, or until the loss is there where a loss function lets them go
(``free_logits``); ids and targets count.
"""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from gptcli.analysis.optimizers import STEP_COUNTER_BYTES, Optimizer, implementation, optimizer_named
from gptcli.analysis.program import SOURCE, Program, program_of, section_of
from gptcli.analysis.sweep import Buffer, Memory, Node, Sweep
from gptcli.architecture import AttentionPath, Network, Sizes, Weight, describe, elements, size, sizes_of, weights
from gptcli.architecture.dtypes import BITS, bytes_of
from gptcli.architecture.kernels import INDEX, Amount, Conditions, loss_kernels
from gptcli.architecture.symbols import ONE, B, C, K, T
from gptcli.config import ModelConfig

# Between equal blocks memory moves by equal amounts, so its extremes lie at the ends: the first two and the last two
# blocks are swept, and what the others add is the change of one of them, so many times.
_SWEPT_AT_AN_END = 2

FORWARD, LOSS, BACKWARD, OPTIMIZER = "forward", "loss", "backward", "optimizer step"
PREFILL, DECODE = "prefill", "decode"

_CUDA_GRANULARITY = 512  # torch's caching allocator rounds every tensor up to this (kMinBlockSize)
_HALF = BITS["bf16"] // 8
# What torch.get_rng_state() gives of the CPU's generator; a card's 16 bytes lie in the CPU's memory as well.
_GENERATOR_STATE = Amount("Random number states", (5056 * ONE,), 1)


class StepOptions(Struct, frozen=True, kw_only=True):
    """What runs: see ``gptcli memory --help``.

    ``dropout`` is on in training whatever it says here; ``widens`` says that the processor has no instructions for the
    dtype's products (`gptcli.processor`).
    """

    batch: int = 1
    tokens: int
    mode: Literal["inference", "training", "generate"] = "inference"
    dtype: str = "fp32"
    amp: bool = False
    dropout: bool = False
    attention: AttentionPath = "sdpa"
    optimizer: str = "adamw"
    optimizer_impl: str = "auto"
    recompute: Literal["none", "block"] = "none"
    device: str = "cpu"
    widens: bool = False
    free_logits: bool = False


def sweep_step(config: ModelConfig, options: StepOptions) -> Memory:
    """Sweep a forward pass or a training step and return the books, peak and all."""
    network = describe(config, options.attention)
    sizes = sizes_of(config, options.batch, options.tokens)
    training = options.mode == "training"
    given = _conditions(options, sizes)
    memory = Memory(sizes, _granularity(options.device))
    _add_weights(memory, network, options.dtype)
    memory.add(Amount("Token ids", (B, T), INDEX), 1)
    tied = ("wte.weight", "lm_head.weight") if config.weight_tying else ()
    sweep = Sweep(memory, tied=tied)
    program = program_of(network, given)
    if training:
        _training_step(sweep, program, network, given, options)
    elif options.mode == "generate":
        _generation(sweep, network, options, given)
    else:
        memory.begin(FORWARD)
        _inference(sweep, program, config.n_layers)
    return memory


def _granularity(device: str) -> int:
    return _CUDA_GRANULARITY if device == "cuda" else 1


def _conditions(options: StepOptions, sizes: Sizes) -> Conditions:
    stream = _HALF if BITS[options.dtype] < BITS["bf16"] else BITS[options.dtype] // 8
    return Conditions(
        sizes=sizes,
        item=_HALF if options.amp else stream,
        stream_item=stream,
        training=options.mode == "training" or options.dropout,
        device=options.device,
        widens=_widens(options),
    )


def _widens(options: StepOptions) -> bool:
    """Return whether products are made in fp32: `gptcli.model.products` does so where nothing asks for torch's own."""
    plain = options.attention == "sdpa" and not (options.amp or options.dropout or options.mode == "training")
    return options.widens and plain and options.device == "cpu" and options.dtype in ("bf16", "fp16")


def _add_weights(memory: Memory, network: Network, dtype: str) -> None:
    own = _own_weights(network, memory)
    if BITS[dtype] % 8:  # half bytes: the whole is rounded up, not each tensor
        numbers = sum(elements(weight.shape, memory.sizes) * times for weight, times in own)
        memory.add(Amount("Weights", (ONE,), bytes_of(numbers, dtype)), 1)
        return
    for weight, times in own:
        memory.add(Amount("Weights", weight.shape, BITS[dtype] // 8), times)


def _generation(sweep: Sweep, network: Network, options: StepOptions, given: Conditions) -> None:
    """The two moments of generation up to T tokens: a prompt of T read at once, and the last of T tokens read alone.

    ::

        cache = KVCache(capacity=T)
        logits = model(ids, cache)[:, -1]              # prefill
        logits = model(ids[:, -1:], cache)[:, -1]      # decode, with T - 1 tokens in the cache

    The output head runs for the last position alone. A decoding token never takes more than the prefill.
    """
    memory, layers = sweep.memory, network.config.n_layers
    memory.add(Amount("KV cache", (B, T, C), given.item), 2 * layers)
    network, given = _last_position_only(network), replace(given, cached=True)
    memory.begin(PREFILL)
    _inference(sweep, program_of(network, given), layers)
    memory.begin(DECODE)
    alone_sizes = {**sizes_of(network.config, options.batch, 1), K.symbol: options.tokens}
    alone = Sweep(Memory(alone_sizes, memory.granularity))
    alone.memory.begin(DECODE)
    _inference(alone, program_of(network, replace(given, sizes=alone_sizes, keys=K)), layers)
    memory.phases[DECODE] = memory.live + alone.memory.peak


def _last_position_only(network: Network) -> Network:
    """Return the network that gives the logits of each text's last token only."""
    norm, head = network.ln_f, network.lm_head
    return replace(
        network,
        ln_f=replace(norm, shape=(B, ONE, norm.features)),
        lm_head=replace(head, shape=(B, ONE, head.outputs)),
    )


def _own_weights(network: Network, memory: Memory) -> list[tuple[Weight, int]]:
    """Return each described weight that has memory of its own, and how often it stands in the network."""
    sizes = memory.sizes
    return [(w, size(w.times, sizes) if w.times else 1) for w in weights(network) if not w.tied_to]


def _inference(sweep: Sweep, program: Program, layers: int) -> None:
    x, _ = sweep.forward(program.before, None, saving=False)
    blocks = _Blocks(sweep, program, layers, saving=False, recompute=False)
    logits, _ = sweep.forward(program.after, blocks.forward(x), saving=False)
    blocks.leave_autocast()
    sweep.memory.release(logits)


def _training_step(sweep: Sweep, program: Program, network: Network, given: Conditions, options: StepOptions) -> None:
    memory = sweep.memory
    optimizer = optimizer_named(options.optimizer)
    memory.add(Amount("Targets", (B, T), INDEX), 1)
    _add_optimizer_state(memory, network, optimizer, given.stream_item)
    recompute = options.recompute == "block"
    draws = options.device == "cpu" and network.config.drop_rate > 0
    blocks = _Blocks(
        sweep, program, network.config.n_layers, saving=not recompute, recompute=recompute, keeps_states=draws
    )

    memory.begin(FORWARD)
    x, nodes_before = sweep.forward(program.before, None, saving=True)
    x = blocks.forward(x)
    logits, nodes_after = sweep.forward(program.after, x, saving=True)

    memory.begin(LOSS)
    loss_section = section_of(loss_kernels(program.after.result, given), "loss")
    logits.references += 1
    _, nodes_loss = sweep.forward(loss_section, logits, saving=True, source_name=program.after.result)
    blocks.leave_autocast()
    if options.free_logits:
        memory.release(logits)

    memory.begin(BACKWARD)
    root = memory.allocate(Amount("Gradient of the loss", (ONE,), given.stream_item))
    root.references += 1
    gradients = {"loss": root}
    sweep.backward(nodes_loss, gradients)
    sweep.backward(nodes_after, gradients)
    blocks.backward(gradients)
    gradients[program.before.result] = gradients.pop(SOURCE)
    sweep.backward(nodes_before, gradients)
    memory.release(root)

    memory.begin(OPTIMIZER)
    _optimizer_step(
        memory, network, optimizer, implementation(options.optimizer_impl, options.device), given.stream_item
    )


class _Blocks:
    """The repeated block, forward and backward, at a cost that does not depend on how often it is repeated."""

    def __init__(
        self,
        sweep: Sweep,
        program: Program,
        layers: int,
        *,
        saving: bool,
        recompute: bool,
        keeps_states: bool = False,
    ) -> None:
        """``keeps_states``: a rerun must draw the same dropout masks, so the state of the generator is kept."""
        self._sweep = sweep
        self._keeps_states = recompute and keeps_states
        self._states: list[Buffer] = []
        self._section = program.block
        self._saving = saving
        self._recompute = recompute
        self._skipped = max(0, layers - 2 * _SWEPT_AT_AN_END)
        self._swept = layers - self._skipped
        self._nodes: list[list[Node]] = []
        self._sources: list[Buffer] = []
        self._cached_by_one: list[Buffer] = []

    def forward(self, x: Buffer) -> Buffer:
        sweep = self._sweep
        for index in range(self._swept):
            before, cached = sweep.memory.held.copy(), len(sweep.cached)
            if self._recompute:  # the block's input is all that is kept
                x.references += 1
                self._sources.append(x)
            if self._keeps_states:
                self._states.append(sweep.memory.allocate(_GENERATOR_STATE))
            x, nodes = sweep.forward(self._section, x, saving=self._saving)
            self._nodes.append(nodes)
            if index == _SWEPT_AT_AN_END - 1:
                sweep.memory.repeat(before, self._skipped)
                self._cached_by_one = sweep.cached[cached:]
        return x

    def leave_autocast(self) -> None:
        """Give back what only autocast's cache held, of the blocks that were not swept too."""
        for buffer in self._cached_by_one:
            if buffer.references == 1:
                self._sweep.memory.add(buffer.amount, -self._skipped)
        self._sweep.release_cached()

    def backward(self, gradients: dict[str, Buffer]) -> None:
        for index in reversed(range(self._swept)):
            before = self._sweep.memory.held.copy()
            gradients[self._section.result] = gradients.pop(SOURCE)
            if self._recompute:
                self._sweep.backward_before_rerun(self._section, gradients)
                nodes = self._rerun(index)
                needed = (self._sources[index], *self._states[index : index + 1])
                self._sweep.backward(nodes, gradients, saved_go_early=True, rerun_from=needed)
            else:
                self._sweep.backward(self._nodes[index], gradients)
            if index == self._swept - _SWEPT_AT_AN_END:
                self._sweep.memory.repeat(before, self._skipped)

    def _rerun(self, index: int) -> list[Node]:
        """Run a block again; where its state is put back for that, today's is set aside."""
        memory = self._sweep.memory
        aside = memory.allocate(_GENERATOR_STATE) if self._keeps_states else None
        nodes = self._sweep.rerun(self._section, self._sources[index])
        if aside is not None:
            memory.release(aside)
        return nodes


def _add_optimizer_state(memory: Memory, network: Network, optimizer: Optimizer, item: int) -> None:
    for weight, times in _own_weights(network, memory):
        memory.add(Amount("Optimizer state", weight.shape, item), optimizer.states * times)
        if optimizer.counts_steps:
            memory.add(Amount("Optimizer state", (ONE,), STEP_COUNTER_BYTES), times)


def _optimizer_step(memory: Memory, network: Network, optimizer: Optimizer, how: str, item: int) -> None:
    if not optimizer.denominator or how == "fused":
        return
    label = "Optimizer temporaries"
    if how == "foreach":
        for weight, times in _own_weights(network, memory):
            memory.add(Amount(label, weight.shape, item), times)
        memory.notice()
        return
    denominator: Buffer | None = None
    for weight in _in_parameter_order(network):
        root = memory.allocate(Amount(label, weight.shape, item))
        divided = memory.allocate(Amount(label, weight.shape, item))
        memory.release(root)
        if denominator is not None:  # the name keeps the last parameter's until this one's is there
            memory.release(denominator)
        denominator = divided


def _in_parameter_order(network: Network) -> list[Weight]:
    """Return the weights in the order of ``parameters()``, of the blocks two: what follows repeats them."""
    own = [weight for weight in weights(network) if not weight.tied_to]
    repeated = [weight for weight in own if weight.times]
    first = own.index(repeated[0])
    return own[: first + len(repeated)] + repeated * (network.config.n_layers > 1) + own[first + len(repeated) :]
