"""Their parameters mapped to ours: by which names, for which config, and what does not fit."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from msgspec import Struct
from msgspec.structs import replace
from torch import Tensor, nn

from gptcli.architecture import Group, Network
from gptcli.architecture.roles import HEAD, TOKEN_TABLE
from gptcli.checkpoints import Recognised
from gptcli.checkpoints.diagnose import structure_findings
from gptcli.checkpoints.infer import GUESSED, infer_config
from gptcli.checkpoints.matching import Matched, match
from gptcli.checkpoints.stored import Opened
from gptcli.config import ModelConfig, ResolvedConfig, lay_over
from gptcli.config.printable import printable
from gptcli.errors import InputError, did_you_mean
from gptcli.model.check.dictionary import is_later
from gptcli.model.check.naming import match_later
from gptcli.model.check.ports import Port, modules_of, ports
from gptcli.model.check.target import Target
from gptcli.model.pickled import source_of
from gptcli.reports.finding import Finding

_HEAD_COUNTS = ("n_heads", "n_head", "num_heads", "num_attention_heads", "heads", "nhead", "h")
_SILENT = ("tied-head", "padded-vocabulary", "mask-buffers")
_MOST_NAMES = 3
_SPREAD = 0.1


class Fitted(Struct, frozen=True):
    """A network whose parameters are mapped.

    Attributes:
        recognised: what they are, for `gptcli.model.load.load_model`; their memory, not a copy.
        network: as it should be.
        modules: described path -> the names of their modules.
    """

    recognised: Recognised
    network: Network
    modules: dict[str, tuple[str, ...]]

    @property
    def config(self) -> ModelConfig:
        """The model it should be."""
        assert self.recognised.config is not None
        return self.recognised.config

    @property
    def matched(self) -> Matched:
        """Which parameter is which weight."""
        assert self.recognised.matched is not None
        return self.recognised.matched


def unsettle(model: nn.Module, seed: int) -> None:
    """Change the values that every fresh network shares, because they hide mistakes.

    A bias of 0 that is not added, a norm's scale of 1 that is not applied and a matrix of zeros change nothing; all
    else stays as its constructor drew it.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.is_floating_point() and (parameter.ndim < 2 or bool(parameter.min() == parameter.max())):
                noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
                parameter.add_(_SPREAD * noise.to(parameter.dtype))


def fit(
    model: nn.Module,
    target: Target,
    asked: ResolvedConfig | None,
    network_of: Callable[[ModelConfig], Network],
    *,
    set_values: tuple[str, ...] = (),
    tied: bool | None = None,
) -> Fitted:
    """Map the parameters of a model.

    Args:
        model: theirs.
        target: where it is from.
        asked: the config it should have; None reads the sizes off its shapes.
        network_of: describes the network of a config.
        set_values: what ``--set`` lays over sizes that are read off.
        tied: what ``--tied/--untied`` lays over them.

    Raises:
        InputError: no layout knows its parameters, or their shapes give no model.
        InputProblemsError: ``--set`` contradicts itself.
    """
    parameters = {name: value.detach() for name, value in model.named_parameters(remove_duplicate=False)}
    source = source_of(parameters, target.path)
    later = network_of(asked.config) if asked is not None and is_later(asked.config) else None
    matched = match(source.tensors) if later is None else match_later(source.tensors, later)
    if matched is None:
        raise InputError(f"{target}: {_unknown(parameters)}")
    findings: list[Finding] = []
    config = asked.config if asked is not None else None
    if config is None:
        config, findings = infer_config(matched, target.name, None)
    if config is None:
        raise InputError(f"{target}: {findings[0].message}")
    network = network_of(config)
    listed = ports(network)
    modules = modules_of(model, matched, listed)
    tables = (network.weight_of(TOKEN_TABLE), network.weight_of(HEAD))
    tied_here = _is_tied(matched, tables)
    if asked is None:
        read_off = replace(config, weight_tying=tied_here)
        said = _heads_said(model, _attention_modules(listed, modules), config.emb_dim)
        asked, findings = _laid_over(read_off, said, findings, str(target), set_values, tied)
    network = network.of(replace(asked.config, weight_tying=tied_here))
    findings += [
        *_shared(matched, tables),
        *_tying_contradicted(matched, network, asked, tables),
        *_corrected(structure_findings(matched, network, network.config.vocab_size), matched),
    ]
    opened = Opened(path=Path(str(target)), files=[], kind="module", source=source, total_bytes=0)
    recognised = Recognised(
        opened=opened, matched=matched, network=network, config_source=str(target), findings=findings
    )
    return Fitted(recognised, network, modules)


def _unknown(parameters: Mapping[str, Tensor]) -> str:
    if not parameters:
        return "has no parameters"
    names = ", ".join(printable(name) for name in list(parameters)[:_MOST_NAMES])
    return (
        f"none of its {len(parameters)} parameters has a name that is known here: {names}, ...; name the modules as "
        "the lecture does (tok_emb, trf_blocks.0.att.W_query), or nanoGPT, or transformers"
    )


def _laid_over(
    config: ModelConfig,
    said: tuple[int, str] | None,
    guessed: list[Finding],
    target: str,
    set_values: tuple[str, ...],
    tied: bool | None,
) -> tuple[ResolvedConfig, list[Finding]]:
    """Lay options over the config read off the shapes; the number of heads, which they do not say, is what is ``said``.

    Returns:
        The config, and what is guessed or says the number of heads, unless an option does.
    """
    if said is not None:
        config = replace(config, n_heads=said[0])
    asked = lay_over(config, target, set_values=set_values, flags={"weight_tying": tied})
    left = [finding for finding in guessed if asked.sources[GUESSED[finding.kind]] == target]
    if said is None:
        return asked, left
    heads, where = said
    note = Finding("note", "heads", where, f"shapes do not say the number of heads: {heads}, as this says")
    return asked, [note if GUESSED[finding.kind] == "n_heads" else finding for finding in left]


def _attention_modules(listed: list[Port], modules: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the names of their modules that are the first layer's attention."""
    groups = (port for port in listed if isinstance(port.node, Group))
    return next((modules.get(port.path, ()) for port in groups if port.node.kind == "attention"), ())


def _heads_said(model: nn.Module, attention: tuple[str, ...], width: int) -> tuple[int, str] | None:
    """Return the number of heads that their attention, or their config, keeps as an attribute; and its name."""
    holders: list[tuple[str, object]] = [(name, model.get_submodule(name)) for name in attention]
    holders += [(name, getattr(model, name, None)) for name in ("config", "cfg")]
    for name, holder in holders:
        for key in _HEAD_COUNTS:
            value = holder.get(key) if isinstance(holder, Mapping) else getattr(holder, key, None)
            if isinstance(value, int) and value > 0 and width % value == 0:
                return value, f"{name}.{key}"
    return None


def _is_tied(matched: Matched, tables: tuple[str, str]) -> bool:
    """Return whether the head shares the token embedding's memory, or is no parameter of its own."""
    pair = [matched.weights.get(path, {}).get(0) for path in tables]
    table, head = (None if part is None else part.tensor.storage for part in pair)
    return head is None or head == table


def _tying_contradicted(
    matched: Matched, network: Network, asked: ResolvedConfig, tables: tuple[str, str]
) -> list[Finding]:
    """Find that an option asks for a tied head where theirs is not, or the opposite, which no constructor knows."""
    tied, source = _is_tied(matched, tables), asked.sources["weight_tying"]
    if asked.config.weight_tying == tied or not source.startswith(("--", "GPTCLI_")):
        return []
    name = matched.layout.names(network)[tables[1]][0]
    facts = ("shares the token embedding", "is a weight of its own")
    return [Finding("error", "tying", name, f"{source}, but this head {facts[0] if tied else facts[1]}")]


def _shared(matched: Matched, tables: tuple[str, str]) -> list[Finding]:
    """Find parameters that are one and the same tensor: blocks made by ``[block] * n_layers``."""
    first: dict[int, str] = {}
    findings = []
    for part in matched.parts():
        tensor = part.tensor
        assert tensor.storage is not None
        other = first.setdefault(tensor.storage, tensor.name)
        if other != tensor.name and part.path not in tables:
            message = f"shared: is the same tensor as {printable(other)}; every block needs a module of its own"
            findings.append(Finding("error", "shared", printable(tensor.name), message))
    return findings[:1]  # the others follow from it


def _corrected(findings: list[Finding], matched: Matched) -> list[Finding]:
    """Bring to mind, for a parameter that is missing, one of theirs that looks like it."""
    unexpected = [tensor.name for tensor in matched.unexpected]
    return [
        replace(each, message=each.message + did_you_mean(each.path, unexpected)) if each.kind == "missing" else each
        for each in findings
        if each.kind not in _SILENT
    ]
