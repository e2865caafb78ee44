"""Somebody's network and ours on the same ids with the same weights, up to the first step that departs."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from msgspec import Struct
from msgspec.structs import replace
from torch import Tensor, nn

from gptcli.architecture import Network, Step, size, steps
from gptcli.architecture.axes import C
from gptcli.architecture.parts.dropout import Dropout
from gptcli.config import ModelConfig, ResolvedConfig, lay_over
from gptcli.config.model_config import UNNAMED
from gptcli.config.printable import printable
from gptcli.errors import InputError
from gptcli.model.check.dictionary import is_later
from gptcli.model.check.fitting import Fitted, fit, unsettle
from gptcli.model.check.one_dtype import OneDtype
from gptcli.model.check.ports import IN, LOGITS, OUT, Port, Watch, difference, magnitude, orders_of, ports, put_beside
from gptcli.model.check.probe import NOT_FINITE, probe
from gptcli.model.check.rerun import Values
from gptcli.model.check.search import Search, Together
from gptcli.model.check.target import Target
from gptcli.model.check.user_network import UserNetwork, default_dtype, make_room_for
from gptcli.model.gpt import GPT
from gptcli.model.load import load_model
from gptcli.model.tap import observed
from gptcli.reports.check import CheckedStep, CheckReport, Corner, Divergence
from gptcli.reports.finding import Finding

_RANDOM_TOKENS = 8
_BEYOND = 3  # tokens after the last that a window of the first covers
_MOST_TOKENS = 1100
_CORNER = 3
_DROPOUT_HINT = (
    "two runs on the same ids differ: dropout is still on after .eval(), as with F.dropout(x) without "
    "training=self.training; or something else is random"
)
# In double precision, where only constants typed with few digits differ by more, an eps that is left out is seen; in
# single precision only what changes a result for good.
TOLERANCES = {torch.float64: 1e-6, torch.float32: 3e-5}
_NAMES = {torch.float64: "fp64", torch.float32: "fp32"}
_ABOUT_DTYPES = re.compile(r"dtype|scalar type|double|float", re.IGNORECASE)


class CheckRequest(Struct, frozen=True, kw_only=True):
    """What to check against.

    Attributes:
        config: gives what the options say of the model, or None where sizes are to be read off; takes whether a class
            is to be called, for which there must be one.
        set_values: what ``--set`` says.
        tied: what ``--tied/--untied`` says.
        seed: of their weights.
        encode: the ids of the text for a model, or None for random ones.
        network_of: describes the network of a config.
        admit: raises where a model would take too much memory.
    """

    config: Callable[[bool], ResolvedConfig | None]
    set_values: tuple[str, ...] = ()
    tied: bool | None = None
    seed: int = 123
    encode: Callable[[ModelConfig], list[int]] | None = None
    network_of: Callable[[ModelConfig], Network]
    admit: Callable[[Network], None]


def run_check(target: Target, request: CheckRequest) -> CheckReport:
    """Load somebody's network, run it beside ours and report; in a process of its own, which their code may change.

    It runs in double precision, so that rounding hides no mistake; where its code insists on single precision, in that.

    Raises:
        InputError: the file, or what it does, keeps it from being checked.
    """
    make_room_for(target)
    user_network = UserNetwork(target)
    asked = _asked(user_network, request)
    if asked is not None:
        request.admit(request.network_of(asked.config))
    try:
        return _checked(user_network, asked, request, torch.float64)
    except _SinglePrecisionError:
        return _checked(user_network, asked, request, torch.float32)
    except InputError as error:
        if error.__cause__ is None:  # not their code's
            raise
        try:  # whatever it says: what was made for single precision may fail in any way
            return _checked(user_network, asked, request, torch.float32)
        except InputError:
            if _ABOUT_DTYPES.search(str(error.__cause__)):
                raise
            raise error from error.__cause__


def _asked(user_network: UserNetwork, request: CheckRequest) -> ResolvedConfig | None:
    """Return the config that a class is called with, or that is asked for; None where a model is to say it."""
    asked = request.config(False)
    if asked is None and user_network.takes_dictionary:
        said = user_network.config()
        return request.config(True) if said is None else _laid_over(said, user_network, request)
    if asked is None:
        user_network.prefer(request.set_values)
    return asked


def _laid_over(said: ModelConfig, user_network: UserNetwork, request: CheckRequest) -> ResolvedConfig:
    """Lay options over the config that a file or a model of theirs says."""
    flags = {"weight_tying": request.tied}
    if said.name == UNNAMED:
        said = replace(said, name=user_network.target.name)
    return lay_over(said, str(user_network.target), set_values=request.set_values, flags=flags)


def _checked(
    user_network: UserNetwork, asked: ResolvedConfig | None, request: CheckRequest, dtype: torch.dtype
) -> CheckReport:
    """Check in one dtype; of a decoder after GPT-2 whatever its code says, for its code says many."""
    with precision(asked, dtype):
        return _check(user_network, asked, request, dtype)


def precision(asked: ResolvedConfig | None, dtype: torch.dtype) -> AbstractContextManager[object]:
    """Return what a network of a config is built and run in."""
    return OneDtype(dtype) if asked is not None and is_later(asked.config) else nullcontext()


class _SinglePrecisionError(Exception):
    """Their code turns its numbers into single precision, whose rounding is no mistake."""


class _Theirs(Struct, frozen=True):
    """Their network as it ran: what was seen, whether a second run agrees, whether it looks ahead."""

    values: Values
    unsteady: Port | None
    looks_ahead: bool | None


class _Ours(Struct, frozen=True):
    """Our network and the outputs of its steps."""

    model: GPT
    outputs: dict[str, Tensor]


def _check(
    user_network: UserNetwork, asked: ResolvedConfig | None, request: CheckRequest, dtype: torch.dtype
) -> CheckReport:
    early_ids = _ids(asked.config, request) if asked is not None else None  # a bad text is reported first
    model = user_network.build(None if asked is None else asked.config, seed=request.seed, dtype=dtype)
    said = user_network.said(model) if asked is None else None
    if said is not None:
        del model
        later = _laid_over(said, user_network, request)
        request.admit(request.network_of(later.config))
        return _checked(user_network, later, request, dtype)
    unsettle(model, request.seed)
    fitted = fit(
        model, user_network.target, asked, request.network_of, set_values=request.set_values, tied=request.tied
    )
    ids = _ids(fitted.config, request) if early_ids is None else early_ids
    network = fitted.network
    listed, places = steps(network, network.sizes), ports(network)
    broken = _unfit(fitted.recognised.findings)
    not_finite = _parameters_not_finite(model)
    fitted.recognised.findings.extend(not_finite)
    theirs = _run_theirs(user_network, model, fitted, ids, places, dtype, may_fail=broken is not None)
    seen: list[tuple[Port, CheckedStep]] = []
    divergence = broken
    if broken is None:
        assert theirs is not None
        ours = _run_ours(fitted, ids, dtype)
        seen = list(_compare(theirs.values, ours, listed, places, fitted.modules, TOLERANCES[dtype]))
        divergence = _first(seen, theirs, ours, listed, places, fitted, ids, TOLERANCES[dtype])
    looks_ahead = None if theirs is None else theirs.looks_ahead
    deterministic = None if theirs is None else theirs.unsteady is None
    divergence = divergence or _unfit(not_finite)  # a row of a table that these ids do not look up
    parameters = sum(parameter.numel() for parameter in model.parameters())
    if divergence is None:
        del model, theirs  # a third network needs the room
        divergence, more = _probed(user_network, asked, request, ids, fitted.recognised.findings)
        fitted.recognised.findings.extend(more)
    fitted.recognised.findings.extend([*_unseen_window(network, ids.shape[1]), *user_network.notes])
    return CheckReport(
        config=fitted.config,
        target=str(user_network.target),
        layout=fitted.matched.layout.name,
        parameters=parameters,
        dtype=_NAMES[dtype],
        seed=request.seed,
        input_ids=ids.tolist(),
        deterministic=deterministic,
        looks_ahead=looks_ahead,
        findings=fitted.recognised.findings,
        first_divergence=divergence,
        steps=[checked for _, checked in seen],
        ok=divergence is None and not looks_ahead,
    )


def _probed(
    user_network: UserNetwork,
    asked: ResolvedConfig | None,
    request: CheckRequest,
    ids: Tensor,
    findings: Sequence[Finding],
) -> tuple[Divergence | None, list[Finding]]:
    """Build it once more, since numbers that are no parameters stay in the precision in which they were made."""
    with precision(asked, torch.float32):
        model = user_network.build(None if asked is None else asked.config, seed=request.seed, dtype=torch.float32)
        unsettle(model, request.seed)
        return probe(user_network, model, ids, unused={finding.path for finding in findings})


def _ids(config: ModelConfig, request: CheckRequest) -> Tensor:
    """Return the text's ids, or random ones, and their reverse, so that texts that mix are noticed: (2, T)."""
    if request.encode is not None:
        row = torch.tensor(request.encode(config))
    else:
        generator = torch.Generator().manual_seed(request.seed)
        wanted = max(_RANDOM_TOKENS, _past_the_window(request.network_of(config)))
        row = torch.randint(config.vocab_size, (min(wanted, config.context_length),), generator=generator)
    return torch.stack([row, row.flip(0)])


def _past_the_window(network: Network) -> int:
    """Return how many tokens show where a window ends, or as many as are run where that is far away."""
    return min(network.sizes.get("W", 0) + _BEYOND, _MOST_TOKENS)


def _unseen_window(network: Network, tokens: int) -> list[Finding]:
    """Say that a text is too short for its windows."""
    width = network.sizes.get("W", 0)
    if tokens > width:
        return []
    message = (
        f"{tokens} tokens do not show where a window of {width:,} ends; give a longer text, or --set sliding_window=8"
    )
    return [Finding("note", "window-not-seen", "", message)]


def _unfit(findings: Sequence[Finding]) -> Divergence | None:
    """Return the first parameter that does not fit: what is compared without it means nothing."""
    error = next((finding for finding in findings if finding.severity == "error"), None)
    if error is None:
        return None
    return Divergence(path=error.path, label="Parameter", kind=error.kind, hint=error.message)


def _run_theirs(
    user_network: UserNetwork,
    model: nn.Module,
    fitted: Fitted,
    ids: Tensor,
    listed: list[Port],
    dtype: torch.dtype,
    *,
    may_fail: bool,
) -> _Theirs | None:
    def run(ids: Tensor) -> Values:
        with default_dtype(dtype), Watch(model, fitted.modules, listed, orders_of(fitted.matched)) as watch:
            logits = user_network.logits(model, ids)
        values = {**watch.values(), (LOGITS, OUT): logits.detach().clone()}
        if dtype == torch.float64 and any(value.dtype != dtype for value in values.values()):
            raise _SinglePrecisionError
        return values

    try:
        values, again = run(ids), run(ids)
        unsteady = next((port for port in listed if _differ(values.get(port.key), again.get(port.key), dtype)), None)
        looks_ahead = None if unsteady else _looks_ahead(run, values, ids, listed, fitted.config, dtype)
    except InputError:
        if may_fail:
            return None
        raise
    return _Theirs(values, unsteady, looks_ahead)


def _differ(one: Tensor | None, other: Tensor | None, dtype: torch.dtype) -> bool:
    if one is None or other is None:
        return one is not other
    return one.shape != other.shape or difference(one, other) > TOLERANCES[dtype] * magnitude(one)


def _looks_ahead(
    run: Callable[[Tensor], Values],
    values: Values,
    ids: Tensor,
    listed: list[Port],
    config: ModelConfig,
    dtype: torch.dtype,
) -> bool | None:
    """Change the last token and see whether an earlier one notices; weights and mapping have no part in it."""
    tokens = ids.shape[1]
    latest = [
        port.key for port in listed if port.key in values and values[port.key].shape[:2] == ids.shape
    ]  # nanoGPT gives logits for the last token alone
    if tokens == 1 or config.vocab_size == 1 or not latest:
        return None
    changed = ids.clone()
    changed[:, -1] = (changed[:, -1] + 1) % config.vocab_size
    before, after = (each[latest[-1]][:, : tokens - 1] for each in (values, run(changed)))
    return _differ(before, after, dtype)


def _run_ours(fitted: Fitted, ids: Tensor, dtype: torch.dtype) -> _Ours:
    model = load_model(fitted.recognised, attention="explicit", dtype=dtype)
    found: dict[str, Tensor] = {}
    with torch.no_grad(), default_dtype(dtype), observed(model, found.__setitem__):
        model(ids)
    return _Ours(model, found)


def _compare(
    theirs: Values,
    ours: _Ours,
    listed: list[Step],
    places: list[Port],
    modules: Mapping[str, tuple[str, ...]],
    tolerance: float,
) -> Iterator[tuple[Port, CheckedStep]]:
    """Compare at every port that was seen, in order of execution.

    A step that is seen at several ports is reported once, unless one who takes it gets something else.
    """
    by_path = {step.path: step for step in listed}
    agreeing: dict[str, bool] = {}  # by step, whether it agreed where it was seen first
    for port in places:
        if port.key not in theirs:
            continue
        found = theirs[port.key]
        expected = put_beside(ours.outputs[port.value], found, port)
        step = by_path[_undropped(port.value, by_path)]
        again = step.path in agreeing
        path = LOGITS if port.path == LOGITS else port.path if again and port.side == IN else step.path
        allowed = tolerance * magnitude(expected)
        apart = difference(expected, found) if expected.shape == found.shape else None
        checked = CheckedStep(
            path=path,
            label="Logits" if path == LOGITS else by_path.get(path, port.node).label,
            module=_module(port, modules),
            side=port.side,
            at_dropout=_at_dropout(port, modules),
            shape=tuple(found.shape),
            expected_shape=tuple(expected.shape),
            difference=apart if apart is not None and apart < float("inf") else None,
            tolerance=allowed,
            ok=apart is not None and apart <= allowed and bool(found.isfinite().all()),
        )
        if not again or path == LOGITS or (agreeing[step.path] and not checked.ok):
            yield port, checked
        agreeing.setdefault(step.path, checked.ok)


def _undropped(path: str, by_path: Mapping[str, Step]) -> str:
    """Return the step whose value stands there; in evaluation mode dropout only passes it on."""
    while isinstance(by_path[path].node, Dropout):
        path = by_path[path].reads[0]
    return path


def _module(port: Port, modules: Mapping[str, tuple[str, ...]]) -> str:
    """Return the name of their module at a port: of the whole attention for the dropout inside it."""
    return " + ".join(modules.get(port.path) or modules.get(port.path.rpartition(".")[0], ()))


def _at_dropout(port: Port, modules: Mapping[str, tuple[str, ...]]) -> bool:
    return port.path not in modules and bool(_module(port, modules))


def _first(
    seen: list[tuple[Port, CheckedStep]],
    theirs: _Theirs,
    ours: _Ours,
    listed: list[Step],
    places: list[Port],
    fitted: Fitted,
    ids: Tensor,
    tolerance: float,
) -> Divergence | None:
    order = {port.key: place for place, port in enumerate(places)}
    departing = next(((port, checked) for port, checked in seen if not checked.ok), None)
    unsteady = theirs.unsteady
    if unsteady is not None and (departing is None or order[unsteady.key] <= order[departing[0].key]):
        step = next(step for step in listed if step.path == unsteady.value)
        return Divergence(
            path=step.path,
            label=step.label,
            kind="random",
            module=_module(unsteady, fitted.modules),
            at_dropout=_at_dropout(unsteady, fitted.modules),
            side=unsteady.side,
            mistakes=["dropout-left-on"],
            hint=_DROPOUT_HINT,
        )
    if departing is None:
        return None
    port, checked = departing
    expected, found = put_beside(ours.outputs[port.value], theirs.values[port.key], port), theirs.values[port.key]
    alike = expected.shape == found.shape
    if alike and checked.difference is not None and checked.difference <= tolerance * magnitude(expected):
        return _not_finite(checked, expected, found, fitted.recognised.findings)
    found_out = Search(ours.model, places, ours.outputs, theirs.values, ids, tolerance).culprits(port)
    return Divergence(
        **_seen_at(checked, expected, found),
        kind=_kind(checked, port, alike=alike),
        mistakes=list(dict.fromkeys(mistake.name for together in found_out for mistake in together)),
        hint=_hint(found_out) or _shape_hint(checked, size(C, fitted.network.sizes)),
    )


def _not_finite(checked: CheckedStep, expected: Tensor, found: Tensor, findings: Sequence[Finding]) -> Divergence:
    """Make the divergence of a step that agrees with ours and holds NaN or infinity, which no network should."""
    first = next((finding for finding in findings if finding.kind == NOT_FINITE), None)
    return Divergence(
        **_seen_at(checked, expected, found),
        kind=NOT_FINITE,
        hint="its numbers overflow, or come of 0/0" if first is None else f"{first.path} {first.message}",
    )


def _seen_at(checked: CheckedStep, expected: Tensor, found: Tensor) -> dict[str, Any]:
    """Return what a divergence says of the step where it lies, by its fields."""
    return {
        "path": checked.path,
        "label": checked.label,
        "module": checked.module,
        "at_dropout": checked.at_dropout,
        "side": checked.side,
        "expected": _corner(expected, expected, found),
        "found": _corner(found, expected, found),
        "difference": checked.difference,
        "tolerance": checked.tolerance,
    }


def _parameters_not_finite(model: nn.Module) -> list[Finding]:
    """Find the first parameter with NaN or infinity: ours computes with the same numbers, and agrees."""
    bad = [(name, value) for name, value in model.named_parameters() if not value.isfinite().all()]
    if not bad:
        return []
    name, value = bad[0]
    others = f"; so do {len(bad) - 1:,} more parameters" if len(bad) > 1 else ""
    message = f"holds NaN or infinity in {int((~value.isfinite()).sum()):,} of {value.numel():,} numbers{others}"
    return [Finding("error", NOT_FINITE, printable(name), message)]


def _hint(found_out: list[Together]) -> str:
    """Say in words which mistakes were found: any of several, or several at once."""
    words = ["; and: ".join(mistake.hint for mistake in together) for together in found_out]
    return "; or: ".join(dict.fromkeys(words))


def _kind(checked: CheckedStep, port: Port, *, alike: bool) -> str:
    if not alike:
        return "shape"
    return "input" if port.side == IN and checked.path == port.path else "value"


def _shape_hint(checked: CheckedStep, width: int) -> str | None:
    if checked.path == LOGITS and checked.shape[-1:] == (width,) != checked.expected_shape[-1:]:
        return "the network returns the input of its output head; apply the head"
    return None


def _corner(of: Tensor, expected: Tensor, found: Tensor) -> Corner:
    """Return a few numbers of a tensor around the largest difference, or its first ones where shapes differ."""
    where = [0] * of.ndim
    if expected.shape == found.shape and of.numel():
        apart = (expected - found).abs()
        apart[expected == found] = 0
        largest = int(apart.nan_to_num(nan=float("inf")).argmax())
        where = [int(index) for index in torch.unravel_index(torch.tensor(largest), of.shape)]
    rows = of[tuple(where[:-2])] if of.ndim > 1 else of[None]  # (rows, columns)
    first = [min(at, max(0, size - _CORNER)) for at, size in zip(where[-2:], of.shape[-2:], strict=True)]
    numbers = rows[first[0] if of.ndim > 1 else 0 :, first[-1] :][:_CORNER, :_CORNER]
    values = [[number if abs(number) < float("inf") else None for number in row] for row in numbers.tolist()]
    return Corner(tuple(of.shape), (*where[:-2], *first), values)
