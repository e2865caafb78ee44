"""Which layout a checkpoint is in and which config it has, and what is wrong with its names and shapes."""

from msgspec import Struct
from msgspec.structs import replace

from gptcli.architecture import Network, reference
from gptcli.architecture.roles import HEAD
from gptcli.checkpoints.diagnose import structure_findings
from gptcli.checkpoints.infer import infer_config
from gptcli.checkpoints.layouts import LAYOUTS
from gptcli.checkpoints.matching import Matched, match
from gptcli.checkpoints.opening import name_of
from gptcli.checkpoints.stored import Opened
from gptcli.config import ModelConfig, config_from_mapping
from gptcli.config.printable import printable
from gptcli.errors import InputError, InputProblemsError
from gptcli.reports.finding import Finding

SHAPES = "shapes"
_MOST_NAMES = 3


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
    tensors = opened.source.tensors
    matched = match(tensors, said=_layout_said(opened))
    findings = list(opened.findings)
    if matched is None:
        findings.append(_unknown_layout(opened))
        return Recognised(opened=opened, matched=None, network=None, config_source=None, findings=findings)
    config, source, config_findings = _find_config(opened, matched)
    findings += config_findings
    network = None
    if config is not None:
        network = reference().of(config)
        findings += structure_findings(matched, network, encoding_size)
    return Recognised(opened=opened, matched=matched, network=network, config_source=source, findings=findings)


def _layout_said(opened: Opened) -> str | None:
    """Return the layout that the settings beside the tensors belong to."""
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
    return Finding("error", "no-layout", "", f"not a GPT-2 layout that is known here; its tensors are {shown}")


def _find_config(opened: Opened, matched: Matched) -> tuple[ModelConfig | None, str | None, list[Finding]]:
    name = opened.name or name_of(opened.path)
    findings: list[Finding] = []
    if opened.settings is not None:
        try:
            config = config_from_mapping(opened.settings, opened.settings_place, name=name)
        except InputProblemsError as error:
            findings += [Finding("error", "bad-config", opened.settings_place, problem) for problem in error.problems]
        except InputError as error:
            findings.append(Finding("error", "bad-config", opened.settings_place, str(error)))
        else:
            return _as_run(matched, config), opened.settings_place, findings
    config_or_none, guesses = infer_config(matched, name, _head_is_copy(opened, matched))
    return config_or_none, None if config_or_none is None else SHAPES, findings + guesses


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
