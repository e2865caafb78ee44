"""The description of a model that a person writes: validated, immutable."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

# Wide enough for models of ten trillion parameters in any proportion (12 * L * C**2 at the width of GPT-2 124M takes
# 1.4 million layers), narrow enough to catch a slipped key.
MAX_SIZE = 2**24

LONGEST_NAME = 80
LONGEST_LIST = 8192  # characters of a list of numbers: longrope has two of some hundred
UNNAMED = "unnamed"

Size = Annotated[int, Meta(ge=1, le=MAX_SIZE)]
InitScheme = Literal["torch", "gpt2"]
Norm = Literal["layer_norm", "rms_norm"]
NormScale = Literal["weight", "one_plus_weight", "none"]
NormPosition = Literal["pre", "post", "branch", "sandwich", "parallel", "parallel_two"]
QKNorm = Literal["none", "head", "full", "each_head", "unscaled"]
Activation = Literal["gelu_tanh", "gelu", "silu", "relu", "relu2", "xielu", "quick_gelu"]
Positions = Literal["learned", "sinusoidal", "rotary", "alibi", "none"]
RopeScaling = Literal["none", "linear", "dynamic", "llama3", "yarn", "longrope"]
RopeLayers = Literal["all", "full", "local"]
Router = Literal["softmax", "softmax_chosen", "sigmoid", "sigmoid_input", "sparsemixer"]
Correction = Literal["none", "buffer", "parameter"]

OptionalSize = Size | None
Count = Annotated[int, Meta(ge=0, le=MAX_SIZE)]
Pattern = Annotated[str, Meta(min_length=1, max_length=LONGEST_LIST)]
Rate = Annotated[float, Meta(ge=0, lt=1)]
Positive = Annotated[float, Meta(gt=0, le=1e12)]
NotNegative = Annotated[float, Meta(ge=0, le=1e12)]


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A decoder, by the keys of the lecture, its author's keys for later models, and ours; defaults are GPT-2's.

    Sizes are counts. ``name`` is printable (`str.isprintable`), which `gptcli.config.load` checks together with
    everything that an annotation cannot say.
    """

    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)] = UNNAMED
    vocab_size: Annotated[Size, Meta(description="vocabulary entries, V")]
    context_length: Annotated[Size, Meta(description="longest sequence; learned positions have one vector for each")]
    emb_dim: Annotated[Size, Meta(description="embedding width, C")]
    n_heads: Annotated[Size, Meta(description="attention heads, H; divides emb_dim unless head_dim is given")]
    n_layers: Annotated[Size, Meta(description="transformer blocks, L")]
    drop_rate: Annotated[float, Meta(ge=0, lt=1, description="dropout probability while training")] = 0.0
    qkv_bias: Annotated[bool, Meta(description="bias on the query, key and value projections")] = False
    bias: Annotated[bool, Meta(description="bias on the other linear layers and on layer norms")] = True
    activation: Annotated[Activation, Meta(description="of the feed forward; gelu_tanh is GELU's tanh form")] = (
        "gelu_tanh"
    )
    weight_tying: Annotated[bool, Meta(description="the output head is the token embedding")] = False
    norm: Annotated[Norm, Meta(description="the norm: layer norm, or RMSNorm, which has no bias")] = "layer_norm"
    norm_eps: Annotated[float, Meta(gt=0, le=1, description="added under the root in every norm")] = 1e-5
    init: Annotated[InitScheme, Meta(description="how random weights are drawn")] = "torch"

    # Attention
    n_kv_groups: Annotated[OptionalSize, Meta(description="key and value heads, G; divides n_heads (n_heads)")] = None
    head_dim: Annotated[OptionalSize, Meta(description="width of a head, D (emb_dim / n_heads)")] = None
    out_bias: Annotated[bool | None, Meta(description="bias on attention's output projection (bias)")] = None
    qk_norm: Annotated[
        QKNorm,
        Meta(
            description="norm of queries and keys: over a head, the full width, each head with weights of its own, "
            "or a head without weights"
        ),
    ] = "none"
    qk_norm_after_rope: Annotated[bool, Meta(description="queries and keys are normed after their rotation")] = False
    qk_norm_bias: Annotated[bool | None, Meta(description="bias on the norms of queries and keys (norm_bias)")] = None
    attention_scale: Annotated[
        Positive | None, Meta(description="what scores are multiplied with (1 / sqrt(head_dim))")
    ] = None
    attention_softcap: Annotated[
        NotNegative, Meta(description="scores go through cap * tanh(x / cap); 0 leaves them")
    ] = 0.0
    attention_sinks: Annotated[bool, Meta(description="a learned number a head takes part in the softmax")] = False
    attention_drop_rate: Annotated[Rate | None, Meta(description="dropout of attention's shares (drop_rate)")] = None
    embedding_drop_rate: Annotated[Rate | None, Meta(description="dropout of embeddings (drop_rate)")] = None
    clip_qkv: Annotated[
        NotNegative, Meta(description="queries, keys and values are cut at plus and minus this; 0 leaves them")
    ] = 0.0
    sliding_window: Annotated[
        OptionalSize, Meta(description="tokens that a local layer looks back over, itself included, W")
    ] = None
    attention_chunk: Annotated[
        OptionalSize, Meta(description="tokens of a chunk, over whose edge a chunked layer does not look")
    ] = None
    layer_pattern: Annotated[
        Pattern,
        Meta(
            description="attention of the layers, over and over: F full, L local (sliding_window), C chunked; N, M "
            "and O the same without positions; a number repeats a letter: 5LF"
        ),
    ] = "F"
    temperature_floor: Annotated[
        NotNegative,
        Meta(
            description="layers without positions multiply queries with 1 + temperature_scale * "
            "log(1 + floor((p + 1) / this)); 0: not"
        ),
    ] = 0.0
    temperature_scale: Annotated[NotNegative, Meta(description="what that logarithm is multiplied with")] = 0.1
    # Latent attention
    kv_lora_rank: Annotated[
        OptionalSize, Meta(description="width of the latent that keys and values are made from, for latent attention")
    ] = None
    q_lora_rank: Annotated[
        OptionalSize, Meta(description="width of the queries' latent; without it they have none")
    ] = None
    qk_nope_head_dim: Annotated[Count, Meta(description="width of a head's part without rotation")] = 0
    qk_rope_head_dim: Annotated[Count, Meta(description="width of a head's rotated part, one key for all heads")] = 0
    v_head_dim: Annotated[OptionalSize, Meta(description="width of a head's values (head_dim)")] = None
    latent_norm: Annotated[bool, Meta(description="latents are normed")] = True
    latent_norm_eps: Annotated[float, Meta(gt=0, le=1, description="added under the root in a latent's norm")] = 1e-6
    # Positions
    positions: Annotated[Positions, Meta(description="how a network knows where a token stands")] = "learned"
    position_offset: Annotated[Count, Meta(description="rows of the position table before position 0")] = 0
    rope_base: Annotated[Positive, Meta(description="base of the rotation's frequencies")] = 10000.0
    rope_local_base: Annotated[Positive | None, Meta(description="base in local layers (rope_base)")] = None
    rope_fraction: Annotated[Positive, Meta(description="share of a head's width that is rotated")] = 1.0
    rope_interleaved: Annotated[bool, Meta(description="neighbours are rotated together, not the two halves")] = False
    rope_reversed: Annotated[bool, Meta(description="rotation turns the other way")] = False
    rope_scaling: Annotated[RopeScaling, Meta(description="how rotation is stretched to longer texts")] = "none"
    rope_scaled_layers: Annotated[RopeLayers, Meta(description="which layers' rotation is stretched")] = "all"
    rope_factor: Annotated[Positive, Meta(description="how far rotation is stretched")] = 1.0
    rope_original_length: Annotated[
        OptionalSize, Meta(description="context length before rotation was stretched (context_length)")
    ] = None
    rope_low_freq_factor: Annotated[Positive, Meta(description="llama3: where slow frequencies begin")] = 1.0
    rope_high_freq_factor: Annotated[Positive, Meta(description="llama3: where fast frequencies begin")] = 4.0
    rope_beta_fast: Annotated[Positive, Meta(description="yarn: turns from which a frequency is left alone")] = 32.0
    rope_beta_slow: Annotated[Positive, Meta(description="yarn: turns up to which it is stretched whole")] = 1.0
    rope_truncate: Annotated[bool, Meta(description="yarn: the two bounds are whole numbers")] = True
    rope_mscale: Annotated[NotNegative, Meta(description="yarn: scale of sines and cosines, by this; 0: not")] = 0.0
    rope_mscale_all_dim: Annotated[
        NotNegative, Meta(description="yarn: divides that; in latent attention also scales the scores; 0: not")
    ] = 0.0
    rope_attention_factor: Annotated[
        Positive | None, Meta(description="scale of sines and cosines (what the scaling implies)")
    ] = None
    rope_short_factors: Annotated[
        str, Meta(max_length=LONGEST_LIST, description="longrope: a divisor a frequency, up to the original length")
    ] = ""
    rope_long_factors: Annotated[
        str, Meta(max_length=LONGEST_LIST, description="longrope: a divisor a frequency, for longer texts")
    ] = ""
    alibi_max: Annotated[Positive, Meta(description="alibi: the steepest slope is 2 ** -(this / heads)")] = 8.0
    alibi_scaled: Annotated[bool, Meta(description="alibi: slopes are scaled like the scores")] = False
    alibi_bf16: Annotated[bool, Meta(description="alibi: slopes and distances are rounded to bf16")] = False
    # Norms and wiring
    norm_scale: Annotated[NormScale, Meta(description="what a norm multiplies with: weight, 1 + weight, nothing")] = (
        "weight"
    )
    norm_bias: Annotated[bool | None, Meta(description="bias on layer norms (bias)")] = None
    norm_position: Annotated[
        NormPosition,
        Meta(
            description="norms before attention and feed forward; after the sum; at the end of the branch; both before "
            "and at the end; before both at once, with one norm or two"
        ),
    ] = "pre"
    embedding_norm: Annotated[bool, Meta(description="a norm after the embedding")] = False
    final_norm: Annotated[bool, Meta(description="a norm after the last layer")] = True
    # Feed forward
    hidden_dim: Annotated[OptionalSize, Meta(description="feed-forward width, F (4 emb_dim)")] = None
    gated: Annotated[bool, Meta(description="the feed forward multiplies with an activated gate")] = False
    mlp_bias: Annotated[bool | None, Meta(description="bias in the feed forward (bias)")] = None
    # Experts
    num_experts: Annotated[Count, Meta(description="routed experts of a layer, E; 0 for none")] = 0
    num_experts_per_tok: Annotated[Count, Meta(description="routed experts that a token visits, A")] = 0
    moe_hidden_dim: Annotated[OptionalSize, Meta(description="width of a routed expert, M (hidden_dim)")] = None
    shared_hidden_dim: Annotated[Count, Meta(description="width of the expert that every token visits; 0 for none")] = 0
    shared_gate: Annotated[bool, Meta(description="the shared expert has a gate of its own")] = False
    expert_pattern: Annotated[
        Pattern,
        Meta(description="feed forward of the layers, over and over: E experts, D dense; a number repeats: 3D58E"),
    ] = "E"
    router: Annotated[
        Router,
        Meta(
            description="scores of experts: softmax over all, over the chosen, sigmoid; sigmoid_input scales what an "
            "expert reads"
        ),
    ] = "softmax"
    router_renormalize: Annotated[bool, Meta(description="the chosen experts' scores are divided by their sum")] = False
    router_norm_min: Annotated[NotNegative, Meta(description="what that sum is at least")] = 0.0
    router_scale: Annotated[Positive, Meta(description="what the chosen experts' scores are multiplied with")] = 1.0
    router_groups: Annotated[Size, Meta(description="groups of experts; a token visits the best groups only")] = 1
    router_top_groups: Annotated[Size, Meta(description="how many groups a token visits")] = 1
    router_group_score: Annotated[Count, Meta(description="how many of its best experts make a group's score")] = 2
    router_correction: Annotated[
        Correction, Meta(description="what is added to scores for the choice alone, and whether it is a parameter")
    ] = "none"
    router_bias: Annotated[bool, Meta(description="bias on the router")] = False
    router_jitter: Annotated[NotNegative, Meta(description="sparsemixer: how near a score must be to the best")] = 0.01
    expert_bias: Annotated[bool, Meta(description="biases in routed experts")] = False
    glu_limit: Annotated[
        NotNegative, Meta(description="gates are cut at this and their partners at plus and minus this, plus 1; 0: not")
    ] = 0.0
    glu_alpha: Annotated[NotNegative, Meta(description="steepness of the sigmoid in a cut gate")] = 1.702
    # Scales
    embedding_scale: Annotated[Positive, Meta(description="what embeddings are multiplied with")] = 1.0
    residual_scale: Annotated[Positive, Meta(description="what a branch is multiplied with before it is added")] = 1.0
    logit_scale: Annotated[Positive, Meta(description="what logits are multiplied with")] = 1.0
    logit_softcap: Annotated[NotNegative, Meta(description="logits go through cap * tanh(x / cap); 0 leaves them")] = (
        0.0
    )
    # The ends
    embedding_width: Annotated[
        OptionalSize, Meta(description="width of the token table, with a projection to emb_dim and one back (emb_dim)")
    ] = None
    head_bias: Annotated[bool, Meta(description="bias on the output head")] = False
    mtp_layers: Annotated[
        Count, Meta(description="further layers that only predict later tokens; params --conventions alone counts them")
    ] = 0
    # Files
    family: Annotated[
        str,
        Meta(
            max_length=40,
            pattern="^[a-z0-9_-]*$",
            description="Hugging Face's model_type, whose files formats of weights follow; no other figure does",
        ),
    ] = ""

    @property
    def longest_text(self) -> int | None:
        """The most tokens that the network reads at once: a position each in its table; None where it has no table."""
        return self.context_length if self.positions == "learned" else None


KEYS = ModelConfig.__struct_fields__
