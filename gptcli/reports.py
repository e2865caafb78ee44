"""What the commands find out: frozen results in base units only (counts, bytes, FLOPs, seconds).

The field names are the keys of the machine-readable output; words and units for people live in `gptcli.render`.
"""

from msgspec import Struct

from gptcli.config import ModelConfig


class Report(Struct, frozen=True, kw_only=True):
    """What every report begins with."""

    schema_version: int = 1
    command: str
    config: ModelConfig | None = None


class Token(Struct, frozen=True):
    """One token: its id, its text (U+FFFD where its bytes alone are no UTF-8) and its bytes in hex."""

    id: int
    text: str
    bytes: str


class TokenizedText(Struct, frozen=True):
    """A text and the tokens it is made of."""

    text: str
    ids: list[int]
    tokens: list[Token]


class TokenizeReport(Report, frozen=True, kw_only=True):
    """Texts as tokens."""

    command: str = "tokenize"
    encoding: str
    texts: list[TokenizedText]
    total_tokens: int


class WeightRow(Struct, frozen=True):
    """A parameter tensor: path and shape as in ``named_parameters()``; a tied one counts 0."""

    path: str
    shape: tuple[int, ...]
    count: int
    tied_to: str | None


class Part(Struct, frozen=True):
    """A part of the network that owns parameters.

    Attributes:
        path: module path, ``h.{i}.attn`` in a repeated block.
        label: the words people read.
        shapes: the part's own weights by name; empty for a group.
        count: parameters of one instance, 0 where the weight is tied.
        times: how many instances there are.
        tied_to: the weight it shares, or None.
        parts: what a group is made of.
    """

    path: str
    label: str
    shapes: dict[str, tuple[int, ...]]
    count: int
    times: int
    tied_to: str | None
    parts: "list[Part]"

    @property
    def total(self) -> int:
        """Parameters of all instances."""
        return self.count * self.times


class TiedTotals(Struct, frozen=True):
    """A total with an output head of its own, and with one that is the token embedding."""

    untied: int
    tied: int


class ParamsReport(Report, frozen=True, kw_only=True):
    """Parameters, counted; ``weights`` lists every tensor and is null where nobody asked for the list.

    Attributes:
        active: those that a token meets: all of them, where no experts are chosen among.
    """

    command: str = "params"
    total: int
    active: int
    weight_tying: bool
    totals: TiedTotals
    parts: list[Part]
    weights: list[WeightRow] | None
    conventions: "list[ConventionRow] | None" = None
    why: "list[WhyRow] | None" = None
    explanations: "list[Explanation] | None" = None
    budget: "Budget | None" = None


class ConfigSummary(Struct, frozen=True):
    """A preset in one line."""

    name: str
    summary: str
    parameters: int
    config: ModelConfig


class ConfigListReport(Report, frozen=True, kw_only=True):
    """The presets."""

    command: str = "config"
    presets: list[ConfigSummary]


class ConfigShowReport(Report, frozen=True, kw_only=True):
    """A resolved config and where each value came from."""

    command: str = "config"
    sources: dict[str, str]


class ValidatedFile(Struct, frozen=True):
    """A file that holds a valid config, and whose keys it is written in."""

    path: str
    dialect: str
    parameters: int
    config: ModelConfig


class ConfigValidateReport(Report, frozen=True, kw_only=True):
    """The files that were checked; one that is invalid ends the command with an error instead."""

    command: str = "config"
    files: list[ValidatedFile]


class LogitsPreview(Struct, frozen=True):
    """The first and the last numbers of the first text's rows."""

    first: list[list[float]]
    last: list[list[float]]


class LogitsReport(Struct, frozen=True):
    """Shape (B, T, V) and dtype of the logits, a corner of them, and whether all are finite."""

    shape: tuple[int, ...]
    dtype: str
    preview: LogitsPreview
    finite: bool


class NextToken(Struct, frozen=True):
    """A candidate for the next token; ``text`` is null where the encoding has no such id."""

    id: int
    text: str | None
    logit: float
    probability: float


class Stage(Struct, frozen=True):
    """A step and the shape its output had in this run; ``repeated`` ones stand for those of every block."""

    path: str
    label: str
    shape: tuple[int, ...]
    repeated: bool


class TokenLoss(Struct, frozen=True):
    """How well one token was predicted: ``loss`` is minus the natural logarithm of the probability it was given.

    Attributes:
        position: of the token after which the target was to come.
        id: that token.
        target_id: what came next.
    """

    position: int
    id: int
    target_id: int
    probability: float
    loss: float


class TextLoss(Struct, frozen=True):
    """Cross-entropy of a text in nats a token; ``perplexity`` is exp(mean), or null where no number is as large."""

    mean: float
    perplexity: float | None
    tokens: list[TokenLoss]


class WeightsFile(Struct, frozen=True):
    """The checkpoint that was run: where it is, in whose layout, in which format."""

    path: str
    layout: str
    format: str


class ForwardReport(Report, frozen=True, kw_only=True):
    """A forward pass.

    Attributes:
        lengths: each text's own tokens.
        pad_id: fills the shorter texts, or null where none is shorter.
        loss: cross-entropy in nats, the mean of all texts' tokens; null where nobody asked for it.
        perplexity: exp(loss), or null where no number is as large.
        tokens: how many ``loss`` is the mean of.
        losses: the same of each text, token by token.
    """

    command: str = "forward"
    input_ids: list[list[int]]
    lengths: list[int]
    pad_id: int | None
    logits: LogitsReport
    next_tokens: list[list[NextToken]]
    parameters: int
    weights_bytes: int
    device: str
    device_name: str | None
    dtype: str
    seed: int
    init: str
    weights: WeightsFile | None
    attention: str
    dropout: bool
    stages: list[Stage]
    build_seconds: float
    forward_seconds: float
    loss: float | None = None
    perplexity: float | None = None
    tokens: int | None = None
    losses: list[TextLoss] | None = None


class FlowStep(Struct, frozen=True, kw_only=True):
    """A step of the forward pass, in order of execution; a group stands after the steps it is made of.

    Attributes:
        path: where it stands: ``h.0.attn.softmax``.
        label: the words people read.
        operation: the kind of operation.
        formula: what it computes, as one line.
        reads: paths of the steps whose output it takes; ``ids`` and ``positions`` for the network's input.
        shape: of its output, in numbers.
        symbols: the same shape in symbols, ``["B", "T", "3C"]``.
        block: the index of its block, or null outside the blocks.
        parent: the path of the group or block that it is part of, or null at the top.
        group: whether it stands for the steps below it, whose figures are then part of its own.
        weights: shapes of its own parameters by name, in torch's order (out, in).
        tied_to: the weight it shares instead of owning one, or null.
        parameters: numbers in its own weights; 0 where they are shared.
        flops: of a forward pass; a multiply-add is two, matrix products only.
        bytes: of its output in the dtype of the report, whether or not it needs memory of its own.
    """

    path: str
    label: str
    operation: str
    formula: str
    reads: list[str]
    shape: tuple[int, ...]
    symbols: list[str]
    block: int | None
    parent: str | None
    group: bool
    weights: dict[str, tuple[int, ...]]
    tied_to: str | None
    parameters: int
    flops: int
    bytes: int


class FlowBlock(Struct, frozen=True):
    """What is repeated: its label, how often it stands, and the parameters and forward FLOPs of one."""

    path: str
    label: str
    times: int
    parameters: int
    flops: int


class FlowReport(Report, frozen=True, kw_only=True):
    """The way from token ids to logits: every step of every block.

    Attributes:
        text_tokens: those of each text, or null where a size was given instead of a text.
        sizes: the value of every symbol.
        parameters: of the whole network; shared weights count once.
        forward_flops: of the whole pass.
    """

    command: str = "flow"
    batch_size: int
    seq_len: int
    attention: str
    dtype: str
    text_tokens: list[list[Token]] | None
    sizes: dict[str, int]
    parameters: int
    forward_flops: int
    block: FlowBlock
    steps: list[FlowStep]


class TraceStep(FlowStep, frozen=True, kw_only=True):
    """A step and what its output was in one run, padding included; no figure where a NaN or an infinity is in it.

    Attributes:
        mean: of all numbers but those ignored.
        std: their deviation from it, over their count (not one less).
        min: the least.
        max: the largest.
        zeros: how many numbers are zero.
        ignored: how many are minus infinity because the causal mask says so; they are left out of the others.
        not_finite: ``nan``, ``inf`` or ``-inf`` where there is one besides, or null.
        seconds: from the step before to this one, without the time of tracing; of a group, that of its parts too.
    """

    mean: float | None
    std: float | None
    min: float | None
    max: float | None
    zeros: int
    ignored: int
    not_finite: str | None
    seconds: float


class AttentionMap(Struct, frozen=True):
    """How much each token of a text (row) looks at each (column): a head's softmax, before dropout; rows add up to 1.

    Attributes:
        path: of the step.
        text: the number of the text, from 0.
        block: from 0.
        head: from 0.
        weights: for the text's own tokens, without padding.
    """

    path: str
    text: int
    block: int
    head: int
    weights: list[list[float]]


class LensRow(Struct, frozen=True):
    """What the output head would say after a step: candidates for what follows each text's last token.

    Attributes:
        path: of the step whose output went through the final norm and the head.
        block: the block after which it stands, or null for the embeddings.
        next_tokens: per text.
    """

    path: str
    block: int | None
    next_tokens: list[list[NextToken]]


class TensorText(Struct, frozen=True):
    """A step's output in torch's own words."""

    path: str
    shape: tuple[int, ...]
    text: str


class TraceReport(ForwardReport, frozen=True, kw_only=True):
    """A forward pass with every step of every block.

    Attributes:
        batch_size: texts at once.
        seq_len: tokens in the longest text.
        text_tokens: each text's own.
        sizes: the value of every symbol.
        forward_flops: of the whole pass.
        block: what is repeated.
        steps: in order of execution.
        first_not_finite: the path of the first step with a NaN or an infinity that no mask put there, or null.
        attention_maps: those asked for.
        logit_lens: after the embeddings and after every block, where asked for.
        tensor: the step that was asked for.
        steps_seconds: of all steps, without the time of tracing.
    """

    command: str = "trace"
    batch_size: int
    seq_len: int
    text_tokens: list[list[Token]]
    sizes: dict[str, int]
    forward_flops: int
    block: FlowBlock
    steps: list[TraceStep]
    first_not_finite: str | None
    attention_maps: list[AttentionMap] | None = None
    logit_lens: list[LensRow] | None = None
    tensor: TensorText | None = None
    steps_seconds: float


class GeneratedText(Struct, frozen=True):
    """A prompt and what it was continued with.

    Attributes:
        prompt: the text as it was given.
        prompt_ids: its tokens, all of them; the network sees no more than the context length of the last ones.
        ids: the tokens that were generated; one that ends a text is the last of them.
        text: what they spell, up to a stop text; ids outside the encoding and end tokens spell nothing.
        finish_reason: ``length``, ``stop`` or ``end of text``.
    """

    prompt: str
    prompt_ids: list[int]
    ids: list[int]
    text: str
    finish_reason: str


class GenerateReport(Report, frozen=True, kw_only=True):
    """Texts continued token by token.

    Attributes:
        tokens_per_second: generated tokens of all texts over the seconds of generation, building left out.
        time_to_first_token_seconds: from the start of generation.
        prefill_seconds: reading the prompts, which gives each text its first token.
        decode_seconds: all tokens after the first.
        kv_cache_bytes: of the largest cache, or null where none was used; texts of equal length share one.
        temperature: 0 where the most likely token was taken.
    """

    command: str = "generate"
    texts: list[GeneratedText]
    tokens_per_second: float
    time_to_first_token_seconds: float
    prefill_seconds: float
    decode_seconds: float
    build_seconds: float
    parameters: int
    weights_bytes: int
    kv_cache_bytes: int | None
    device: str
    device_name: str | None
    dtype: str
    seed: int
    init: str
    weights: WeightsFile | None
    attention: str
    max_new_tokens: int
    temperature: float
    top_k: int | None
    top_p: float | None
    stop: list[str]


class DtypeRow(Struct, frozen=True):
    """Weight bytes in one number format, with an output head of its own and with a tied one."""

    dtype: str
    bits: int
    untied_bytes: int
    tied_bytes: int


class PhasePeak(Struct, frozen=True):
    """The most memory that was alive during one phase."""

    phase: str
    peak_bytes: int


class LedgerLine(Struct, frozen=True):
    """What is alive at the peak under one name: how many tensors, how many bytes."""

    label: str
    tensors: int
    bytes: int


class Explanation(Struct, frozen=True):
    """A figure as a formula: ``formula`` with ``values`` put in gives ``value``."""

    name: str
    formula: str
    values: dict[str, int]
    value: int
    unit: str
    source: str


class Budget(Struct, frozen=True):
    """A limit, what it was held against, and whether it holds.

    Attributes:
        limit: in base units.
        value: what is needed.
        holds: whether ``value`` and the headroom are within the limit.
        unit: the unit in which the limit was given: ``GiB``, ``M``; empty for a bare number.
        headroom_bytes: what of a limit in bytes stays free.
    """

    limit: int
    value: int
    holds: bool
    unit: str = ""
    headroom_bytes: int | None = None


class MemoryReport(Report, frozen=True, kw_only=True):
    """Bytes of the weights, and the peak of a pass or step with what is alive at it.

    Attributes:
        kernels: of parts that others compute in more operations, how the network reckoned with computes them.
        stores_causal_mask: whether blocks hold a causal mask each as long as they live, as the lecture's do.
        process_bytes: what Python and torch take besides, which is not in the peak; null where it is not known.
    """

    command: str = "memory"
    mode: str
    dtype: str
    activation_dtype: str
    amp: bool
    batch_size: int
    seq_len: int
    attention: str
    device: str
    optimizer: str | None
    optimizer_impl: str | None
    recompute: str | None
    free_logits: bool | None
    parameters: int
    weights_bytes: int
    dtypes: list[DtypeRow]
    gradients_bytes: int | None
    optimizer_bytes: int | None
    kv_cache_bytes: int | None
    kv_cache_bytes_per_token: int | None
    peak_bytes: int
    peak_phase: str
    phases: list[PhasePeak]
    ledger: list[LedgerLine]
    kernels: dict[str, str]
    stores_causal_mask: bool
    process_bytes: int | None
    explanations: list[Explanation] | None = None
    budget: Budget | None = None


class FlopsRow(Struct, frozen=True):
    """Forward FLOPs of one step: in one instance, and how many there are."""

    path: str
    label: str
    flops: int
    times: int


class FlopsReport(Report, frozen=True, kw_only=True):
    """FLOPs of a pass over B x T tokens; a multiply-add is two.

    ``groups`` has the label of each group of parts by its path. ``mfu`` is of the matrix products; ``utilization`` has
    each convention's. Both are fractions of the peak.
    """

    command: str = "flops"
    batch_size: int
    seq_len: int
    attention: str
    linear_flops: int
    attention_flops: int
    forward_flops: int
    causal_forward_flops: int
    backward_flops: int
    training_flops: int
    training_flops_per_token: int
    prefill_flops: int
    decode_flops: int
    parts: list[FlopsRow]
    groups: dict[str, str]
    conventions: dict[str, int]
    mfu: float | None
    utilization: dict[str, float] | None = None
    explanations: list[Explanation] | None = None
    budget: Budget | None = None


class Check(Struct, frozen=True):
    """A figure beside its measurement; ``error`` is a signed fraction of the measured value.

    Attributes:
        scratch_bytes: what kernels' own memory added to a measured peak; in neither figure.
    """

    name: str
    estimated: int
    measured: int
    error: float
    tolerance: float
    ok: bool
    unit: str
    scratch_bytes: int = 0


class WitnessUsed(Struct, frozen=True, kw_only=True):
    """The network that shares nothing with the description, and what of it was compared.

    Attributes:
        name: ``plain`` or ``transformers``.
        source: what it is and where it stands.
        logits_config: the sizes at which logits were compared.
        logits_shape: (B, T, V) of those logits.
    """

    name: str
    source: str
    logits_config: ModelConfig
    logits_shape: tuple[int, int, int]


OptionValue = bool | int | float | str | list[str] | None


class VerifyReport(Report, frozen=True, kw_only=True):
    """Every figure, measured on this machine.

    Attributes:
        instrument: what measured the peaks: ``profiler`` (torch's own), ``tracker`` (of the storages of fake tensors)
            or ``allocator`` (CUDA's own counter).
        options: every option of the command with the value that it ran with; ``NAME_asked`` where that was another.
        witness: what shares nothing with the description and was compared with it.
    """

    command: str = "verify"
    quick: bool
    device: str
    device_name: str | None
    dtype: str
    batch_size: int
    seq_len: int
    attention: str
    workspace_bytes: int
    instrument: str
    options: dict[str, OptionValue]
    witness: WitnessUsed
    checks: list[Check]
    ok: bool
    seconds: float


class FitCell(Struct, frozen=True):
    """The peak of one batch size and sequence length, and whether the budget holds it."""

    batch_size: int
    seq_len: int
    peak_bytes: int
    fits: bool


class FitReport(Report, frozen=True, kw_only=True):
    """The largest value of a variable that fits a budget; the next valid one does not.

    Attributes:
        budget_bytes: the whole budget.
        unit: the unit in which it was given: ``GiB``.
        headroom_bytes: what of it stays free.
        variable: what was solved for.
        multiple_of: what the variable was asked to be a multiple of.
        step: from one valid value to the next; for widths also a multiple of what the heads need.
        answer: the largest value that fits.
        capped: whether the search ended at the largest value that it tries, so that more may fit.
        peak_bytes: at the answer, headroom not in it.
        next_value: the next valid value, null at the cap.
        batch_size: of the run at the answer, as is all that follows.
    """

    command: str = "fit"
    budget_bytes: int
    unit: str = "B"
    headroom_bytes: int
    variable: str
    multiple_of: int
    step: int
    answer: int
    capped: bool
    peak_bytes: int
    next_value: int | None
    next_peak_bytes: int | None
    mode: str
    dtype: str
    activation_dtype: str
    amp: bool
    batch_size: int
    seq_len: int
    attention: str
    device: str
    optimizer: str | None
    optimizer_impl: str | None
    recompute: str | None
    free_logits: bool | None
    table: list[FitCell]


class ComparedModel(Struct, frozen=True):
    """One model's figures, the same keys for each."""

    name: str
    config: ModelConfig
    parameters: int
    parameters_untied: int
    parameters_tied: int
    weights_bytes: int
    inference_peak_bytes: int
    training_peak_bytes: int
    kv_cache_bytes: int
    forward_flops: int
    training_flops: int
    flops_per_token: int


class CompareReport(Report, frozen=True, kw_only=True):
    """Models side by side."""

    command: str = "compare"
    batch_size: int
    seq_len: int | None
    dtype: str
    amp: bool
    attention: str
    device: str
    optimizer: str
    optimizer_impl: str
    recompute: str
    models: list[ComparedModel]
    differing: list[str]


class ConventionRow(Struct, frozen=True):
    """A way to count parameters, what it gives for this model, and who counts so."""

    name: str
    parameters: int
    used_by: str


class WhyRow(Struct, frozen=True):
    """Something that may have been counted, and how far its count is from the number asked about.

    Attributes:
        conventions: what it is, and how it is counted.
        parameters: its count.
        residual: the count less the number asked about.
        kind: ``total`` of this model, ``convention`` in use for it, a ``part`` of it, another ``preset``, a ``name``
            that is no count, or a ``combination`` of conventions that nobody is known to use.
        used_by: who counts so, or where the name stands.
        also: other parts of the same count.
        matches: whether it has that number, as finely as it was written; if not, it is among the nearest.
    """

    conventions: list[str]
    parameters: int
    residual: int
    kind: str
    used_by: str | None
    also: list[str]
    matches: bool


class Finding(Struct, frozen=True):
    """Something to know about a checkpoint.

    Attributes:
        severity: ``error``: it cannot be used as it is; ``warning``: it is probably not what was meant; ``note``.
        kind: what it is, in a word: ``missing``, ``transposed``, ``nan``.
        path: the tensor or the file it is about.
        message: what, and what to do about it.
    """

    severity: str
    kind: str
    path: str
    message: str


class TensorStats(Struct, frozen=True):
    """A stored tensor's numbers; NaN and infinities are counted and left out of the rest, which is null without any."""

    path: str
    dtype: str
    shape: tuple[int, ...]
    mean: float | None
    std: float | None
    min: float | None
    max: float | None
    zeros: int
    nan: int
    infinite: int


class CheckpointReport(Report, frozen=True, kw_only=True):
    """What a checkpoint holds and what is wrong with it.

    Attributes:
        layout: whose names and shapes it follows, or null.
        transposed: whether a block's matrices are stored as (in, out), the way of Conv1D; null without a layout.
        format: ``safetensors`` or ``pickle``, or null where it is neither.
        config_source: where the config is from: a file, a key in one, or ``shapes``.
        parameters: numbers in weights; a tied head that is stored as well counts once.
        read_bytes: how much of the data was looked at for findings.
        ok: whether no finding is an error.
    """

    command: str = "checkpoint"
    path: str
    layout: str | None
    transposed: bool | None
    format: str | None
    files: list[str]
    config_source: str | None
    dtypes: dict[str, int]
    tensors: int
    parameters: int
    weights_bytes: int
    buffer_bytes: int
    total_bytes: int
    read_bytes: int
    findings: list[Finding]
    stats: list[TensorStats] | None = None
    ok: bool


DEPARTS = "departs"  # what another program computes in another way


class ConvertReport(Report, frozen=True, kw_only=True):
    """A checkpoint written in another layout.

    Attributes:
        findings: what is doubtful about the checkpoint, and where the other program computes something else.
    """

    command: str = "checkpoint"
    path: str
    layout: str
    target: str
    target_layout: str
    files: list[str]
    tensors: int
    bytes: int
    findings: list[Finding]


class Corner(Struct, frozen=True):
    """A few numbers of a tensor; one that is not finite is null.

    Attributes:
        shape: of the whole tensor.
        first: the index of the first number shown.
        values: rows and columns from there on.
    """

    shape: tuple[int, ...]
    first: tuple[int, ...]
    values: list[list[float | None]]


class CheckedStep(Struct, frozen=True, kw_only=True):
    """A step that was seen in somebody's network, beside ours.

    Attributes:
        path: the step; that of its reader where the reader takes something else than the step gave.
        label: the words people read.
        module: their module at which it was seen, or empty for the network as a whole.
        side: ``in`` or ``out``: whether it is what that module takes or gives.
        shape: theirs.
        expected_shape: ours.
        difference: the largest absolute one; null where shapes or finiteness differ.
        tolerance: up to which the step counts as equal.
        ok: whether it is.
    """

    path: str
    label: str
    module: str
    side: str
    shape: tuple[int, ...]
    expected_shape: tuple[int, ...]
    difference: float | None
    tolerance: float
    ok: bool


class Divergence(Struct, frozen=True, kw_only=True):
    """The first thing that is not as it should be.

    Attributes:
        path: a step; or a parameter by their own name.
        label: the words people read.
        kind: ``value``, ``shape``, ``input``: a module takes something else than the step before it gave,
            ``random``: two runs differ, ``not-finite``: it gives NaN or infinity, as ours does with the same weights
            or only theirs in fp32, the one kind that a gradient has;
            for parameters ``missing``, ``unexpected``, ``misshaped``, ``not-finite`` and so on.
        module: as of a checked step.
        side: likewise.
        expected: numbers of ours.
        found: numbers of theirs, from the same place.
        difference: as of a checked step.
        tolerance: likewise.
        mistakes: names of the known mistakes that reproduce theirs; several where they cannot be distinguished.
        hint: what they are and what to do, or null where none is known.
    """

    path: str
    label: str
    kind: str
    module: str = ""
    side: str = ""
    expected: Corner | None = None
    found: Corner | None = None
    difference: float | None = None
    tolerance: float | None = None
    mistakes: list[str] = []
    hint: str | None = None


class CheckReport(Report, frozen=True, kw_only=True):
    """Somebody's own network beside ours with the same weights.

    Attributes:
        target: file and name.
        layout: whose names its parameters have.
        parameters: numbers in them, shared ones once.
        dtype: in which both ran.
        seed: of the weights it drew.
        input_ids: (B, T).
        deterministic: whether two runs agree; null where it could not run.
        looks_ahead: whether a later token changes the results of earlier ones; null where that is not known.
        findings: parameters that do not fit, and what else there is to know.
        steps: what was seen, in order of execution; empty where parameters do not fit.
        ok: whether everything agrees.
    """

    command: str = "check"
    target: str
    layout: str
    parameters: int
    dtype: str
    seed: int
    input_ids: list[list[int]]
    deterministic: bool | None
    looks_ahead: bool | None
    findings: list[Finding]
    first_divergence: Divergence | None
    steps: list[CheckedStep]
    ok: bool
