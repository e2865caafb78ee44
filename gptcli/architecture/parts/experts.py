"""A mixture of experts (Shazeer et al. 2017): a router chooses for each token a few of many feed forwards."""

from collections.abc import Sequence
from typing import ClassVar

from gptcli.architecture.axes import A, Dim, E, Shape
from gptcli.architecture.books import Conditions, Kernel, NotInBooksError, Value
from gptcli.architecture.parts.part import GPT2_DEVIATION, Draw, Family, Part
from gptcli.architecture.products import MatrixProduct
from gptcli.config.model_config import Activation, Correction, Router


class ExpertChoice(Part, frozen=True, kw_only=True):
    """The numbers of the experts that each token visits, (B, T, A), the best first.

    Attributes:
        router: how scores are made of what the router gives.
        groups: experts lie in so many groups, of which a token visits some (DeepSeek-AI 2024, section 2.1.2).
        top_groups: how many.
        group_score: how many of its best experts make a group's score.
        correction: what is added to the scores for the choice alone: a parameter, a buffer, or nothing.
        jitter: sparsemixer's (Liu et al. 2024).
    """

    kind: ClassVar[str] = "expert_choice"
    family: ClassVar[Family] = "experts"
    sentence: ClassVar[str] = "Chooses for each token the experts with the highest scores."

    router: Router
    groups: int = 1
    top_groups: int = 1
    group_score: int = 2
    correction: Correction = "none"
    jitter: float = 0.0

    def weights(self) -> dict[str, Shape]:  # noqa: D102  # as in the base class
        return {"correction": (E,)} if self.correction == "parameter" else {}

    def buffers(self) -> dict[str, Shape]:  # noqa: D102
        return {"correction": (E,)} if self.correction == "buffer" else {}

    def draws(self, scheme: str, residual_deviation: float) -> tuple[Draw, ...]:  # noqa: D102
        return (Draw("correction", "zeros"),) if self.weights() else ()

    def formula(self) -> str:  # noqa: D102
        groups = f" of the best {self.top_groups} of {self.groups} groups" if self.groups > 1 else ""
        corrected = " + correction" if self.correction != "none" else ""
        return f"the A largest of x{corrected}{groups}"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        raise NotInBooksError(self.kind, "experts")


class ExpertShares(Part, frozen=True, kw_only=True):
    """How much each chosen expert counts, (B, T, A).

    Attributes:
        router: how scores are made of what the router gives.
        renormalize: whether the scores are divided by their sum.
        least: what the sum is at least.
        scale: what they are multiplied with.
        jitter: sparsemixer's.
    """

    kind: ClassVar[str] = "expert_shares"
    family: ClassVar[Family] = "experts"
    sentence: ClassVar[str] = "Says for each token how much each of its experts counts."

    router: Router
    renormalize: bool = False
    least: float = 0.0
    scale: float = 1.0
    jitter: float = 0.0

    def formula(self) -> str:  # noqa: D102  # as in the base class
        scores = {
            "softmax": "softmax(x)[chosen]",
            "softmax_chosen": "softmax(x[chosen])",
            "sigmoid": "sigmoid(x)[chosen]",
            "sigmoid_input": "sigmoid(x[chosen])",
            "sparsemixer": "softmax(near the best)[chosen]",
        }[self.router]
        parted = " / their sum" if self.renormalize else ""
        return f"{scores}{parted}{f' * {self.scale:g}' if self.scale != 1 else ''}"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        raise NotInBooksError(self.kind, "experts")


class Experts(Part, frozen=True, kw_only=True):
    """The chosen experts' feed forwards, summed by their shares; the weights of all lie in one tensor each.

    Attributes:
        inputs: width of the stream.
        width: of an expert.
        activation: of its gate, or of its one hidden layer.
        gated: whether it multiplies with a gate.
        bias: whether its layers have biases.
        scaled_input: whether shares scale what an expert reads, not what it gives.
        limit: gates are cut at this, partners at plus and minus this and then plus 1; 0 leaves them.
        alpha: steepness of the sigmoid in a cut gate.
    """

    kind: ClassVar[str] = "experts"
    family: ClassVar[Family] = "experts"
    sentence: ClassVar[str] = "Each token goes through its chosen experts; what they give is added up by their shares."

    inputs: Dim
    width: Dim
    activation: Activation
    gated: bool = True
    bias: bool = False
    scaled_input: bool = False
    limit: float = 0.0
    alpha: float = 1.702

    @property
    def hidden(self) -> Dim:
        """Outputs of an expert's first layer: gate, then its partner."""
        return 2 * self.width if self.gated else self.width

    def weights(self) -> dict[str, Shape]:  # noqa: D102  # as in the base class
        first = "gate_up_proj" if self.gated else "up_proj"
        own: dict[str, Shape] = {first: (E, self.hidden, self.inputs)}
        if self.bias:
            own[f"{first}_bias"] = (E, self.hidden)
        own["down_proj"] = (E, self.inputs, self.width)
        if self.bias:
            own["down_proj_bias"] = (E, self.inputs)
        return own

    def visited(self, shape: Shape) -> Shape:  # noqa: D102
        return (A, *shape[1:])

    def draws(self, scheme: str, residual_deviation: float) -> tuple[Draw, ...]:  # noqa: D102
        found = []
        for name in self.weights():
            to_residual = name == "down_proj"
            if name.endswith("bias"):
                found.append(Draw(name, "zeros"))
            elif scheme != "torch":
                found.append(Draw(name, "normal", residual_deviation if to_residual else GPT2_DEVIATION))
            else:  # each as a torch.nn.Linear
                found.append(Draw(name, "uniform", self.width if to_residual else self.inputs))
        return tuple(found)

    def formula(self) -> str:  # noqa: D102
        return (
            "sum of share * (act(x @ gate.T) * (x @ up.T)) @ down.T"
            if self.gated
            else ("sum of share * act(x @ up.T) @ down.T")
        )

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return (
            MatrixProduct("tokens", (A, self.inputs, self.hidden)),
            MatrixProduct("tokens", (A, self.width, self.inputs)),
        )

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        raise NotInBooksError(self.kind, "experts")
