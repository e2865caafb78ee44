"""Which layout a checkpoint is in and which config it has, and what is wrong with its names and shapes."""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from gptcli.architecture import Network, reference
from gptcli.architecture.roles import HEAD
from gptcli.checkpoints.diagnose import structure_findings
from gptcli.checkpoints.infer import MOST_PLACES, infer_config
from gptcli.checkpoints.layouts import LAYOUTS, Layout, split_expert, split_index
from gptcli.checkpoints.matching import Matched, match, with_table
from gptcli.checkpoints.naming import family_layout, family_of, likely_families
from gptcli.checkpoints.opening import name_of
from gptcli.checkpoints.stored import Opened
from gptcli.config import ModelConfig, ResolvedConfig, resolved_from_mapping
from gptcli.config.printable import printable
from gptcli.config.quantization import format_of
from gptcli.errors import InputError, InputProblemsError
from gptcli.reports.finding import Finding

SHAPES = "shapes"
_MOST_NAMES = 3
_GPT2_ALONE = [name for name in LAYOUTS if name != "gptcli"]  # layouts of programs that know no other network


class Recognised(Struct, frozen=True, kw_only=True):
    """An opened checkpoint whose layout and config have been found out, as far as they can be.

    Attributes:
        opened: the files.
        matched: its tensors in a layout, or None where no layout knows its names.
        network: the model it should hold, or None where nothing says.
        config_source: where that is from.
        findings: what is wrong with files, config, names and shapes; nothing has been read of the data but what says
            whether the head is a copy.
    """

    opened: Opened
    matched: Matched | None
    network: Network | None
    config_source: str | None
    findings: list[Finding]

    @property
    def config(self) -> ModelConfig | None:
        """The config of the model it should hold, or None."""
        return None if self.network is None else self.network.config

    def errors(self) -> list[Finding]:
        """Return the findings that keep it from being used."""
        return [finding for finding in self.findings if finding.severity == "error"]

    def counted_twice(self) -> int:
        """Return the numbers of a tied head that is stored beside the embedding."""
        if self.config is None or self.matched is None or not self.config.weight_tying:
            return 0
        return sum(part.tensor.numbers for part in self.matched.outside(HEAD).values())


def recognise(opened: Opened, encoding_size: int) -> Recognised:
    """Find layout and config of an opened checkpoint and compare its names and shapes with them.

    Args:
        opened: the files.
        encoding_size: tokens of the encoding.
    """
    findings = list(opened.findings)
    said, problems = _said_config(opened)
    findings += problems
    network = None if said is None else reference().of(said)
    name = family_of(opened.settings)
    family = None if name is None else family_layout(name)
    matched = match(
        opened.source.tensors,
        said=_layout_said(opened, family),
        network=network,
        family=family,
        ahead=_layers_ahead(opened.settings),
    )
    if matched is not None and (said is None or said.weight_tying):
        matched = with_table(matched, network)
    foreign = None if network is not None else _foreign(opened, matched, name)
    if matched is None or foreign is not None:
        if foreign is None or not problems:  # problems of a config that is there say more
            findings.append(foreign or _unknown_layout(opened))
        return Recognised(opened=opened, matched=None, network=None, config_source=None, findings=findings)
    if family is not None and matched.layout.name in _GPT2_ALONE:
        findings.append(_contradicted(opened, matched, family))
        return Recognised(opened=opened, matched=matched, network=None, config_source=None, findings=findings)
    config: ModelConfig | None
    source: str | None
    is_copy = _head_is_copy(opened, matched)
    if said is not None:
        config, source = _as_run(matched, said), opened.settings_place
        if said.weight_tying and is_copy is False and not opened.headers_only:
            config = replace(config, weight_tying=False)
            findings.append(_own_head(matched))
    else:
        matched = _program_of(matched, is_copy)
        config, guesses = infer_config(matched, opened.name or name_of(opened.path), is_copy)
        source = None if config is None else SHAPES
        findings += guesses
    if config is not None:
        network = reference().of(config)
        findings += structure_findings(matched, network, encoding_size)
    return Recognised(opened=opened, matched=matched, network=network, config_source=source, findings=findings)


def _layers_ahead(settings: Mapping[str, object] | None) -> int:
    """Return how many layers follow the last one that only predict further tokens (DeepSeek-AI 2024, section 2.2)."""
    value = (settings or {}).get("num_nextn_predict_layers")
    return value if isinstance(value, int) else 0


def _foreign(opened: Opened, matched: Matched | None, family: str | None) -> Finding | None:
    """Say of tensors of a later family that only a config says what they are, where there is none."""
    names = list(opened.source.tensors)
    likely = [family] if family is not None else likely_families(names)
    known = 0 if matched is None else len(list(matched.parts()))
    if not likely or (family is None and 2 * known > len(names)):
        return None
    called = ", ".join(likely[:_MOST_NAMES]) + (" or others" if len(likely) > _MOST_NAMES else "")
    message = (
        f"config.json is missing: its tensors are named as {called} are in transformers, and their shapes do not say "
        "how they are computed with; put the model's config.json beside it"
    )
    return Finding("error", "no-config", "", message)


def _contradicted(opened: Opened, matched: Matched, family: Layout) -> Finding:
    message = f"says model_type {family.family}, but the tensors are named as in {matched.layout.label}, as GPT-2's are"
    return Finding("error", "bad-config", opened.settings_place, message)


def _layout_said(opened: Opened, family: Layout | None) -> str | None:
    """Return the layout that the settings beside the tensors belong to."""
    if family is not None:
        return family.name
    if not opened.settings:
        return None
    from gptcli.config.dialects import marker_key

    said = ((each.name, marker_key(each.dialect)) for each in LAYOUTS.values() if each.dialect is not None)
    return next((name for name, key in said if key in opened.settings), None)


def _unknown_layout(opened: Opened) -> Finding:
    names = [printable(name) for name in opened.source.tensors]
    if not names:
        return Finding("error", "no-layout", "", "holds no tensors")
    shown = ", ".join(names[:_MOST_NAMES]) + (", ..." if len(names) > _MOST_NAMES else "")
    return Finding("error", "no-layout", "", f"not a layout that is known here; its tensors are {shown}")


def _said_config(opened: Opened) -> tuple[ModelConfig | None, list[Finding]]:
    """Read the settings beside the tensors, if there are any."""
    if opened.settings is None:
        return None, []
    place = opened.settings_place
    try:
        resolved = resolved_from_mapping(opened.settings, place, name=opened.name or name_of(opened.path))
    except InputProblemsError as error:
        return None, [Finding("error", "bad-config", place, problem) for problem in error.problems]
    except InputError as error:
        return None, [Finding("error", "bad-config", place, str(error))]
    notes = [Finding("note", "config", place, note) for note in _notes_on(resolved, place)]
    claim = _impossible(resolved.config, opened)
    return (resolved.config, notes) if not claim else (None, [*notes, Finding("error", "bad-config", place, claim)])


def _impossible(config: ModelConfig, opened: Opened) -> str:
    """Say of numbers of layers and experts that they cannot be these files', before anything is listed for each."""
    names = opened.source.tensors
    alone = any(split_expert(split_index(name)[0])[1] is not None for name in names)
    claimed = config.n_layers * max(1, config.num_experts if alone else 1)
    if claimed <= max(len(names), MOST_PLACES):
        return ""
    experts = f" of {config.num_experts:,} experts" if claimed > config.n_layers else ""
    return f"says {config.n_layers:,} layers{experts}, but the file holds {len(names):,} tensors"


def _notes_on(resolved: ResolvedConfig, place: str) -> list[str]:
    """Return what the settings say that was taken otherwise than somebody may expect, or not at all."""
    notes = [note.removeprefix(f"{place}: ") for note in resolved.notes]
    if isinstance(resolved.quantization, Mapping) and resolved.quantization:
        found = format_of(resolved.quantization)
        notes.append(f"quantization_config: {found if isinstance(found, str) else f'weights are in {found}'}")
    return notes


def _program_of(matched: Matched, head_is_copy: bool | None) -> Matched:
    """Return the layout of the program that has such a head, where several share all their names."""
    other = matched.layout.with_own_head
    return replace(matched, layout=LAYOUTS[other]) if other and head_is_copy is False else matched


def _own_head(matched: Matched) -> Finding:
    """Say of a head with numbers of its own that it is used; transformers 5.23 does not tie it either."""
    message = "head contradicts the config, which ties it to the token embedding: it has its own numbers, and is used"
    return Finding("warning", "untied-head", printable(matched.outside(HEAD)[0].tensor.name), message)


def _head_is_copy(opened: Opened, matched: Matched) -> bool | None:
    """Return whether the stored head holds the embedding's numbers; None where none is stored."""
    if not matched.outside(HEAD):
        return None
    if opened.headers_only:  # transformers does not store a tied head
        return False
    from gptcli.checkpoints.content import head_is_copy  # brings NumPy

    return head_is_copy(matched, opened.source)


def _as_run(matched: Matched, config: ModelConfig) -> ModelConfig:
    """Fill in what the layout's program computes whatever its settings say, but not what they do say."""
    said = {"activation": matched.layout.fixed.get("activation", config.activation)}
    return replace(config, **said) if matched.layout.settings_key else config
