"""The model that options choose: a config's, or a checkpoint's."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from gptcli.api.configs import Note, resolve
from gptcli.architecture import AttentionPath, Network, describe
from gptcli.config import ModelConfig, config_folder
from gptcli.errors import InputError

if TYPE_CHECKING:
    from gptcli.api.weights import Weights
    from gptcli.checkpoints import Recognised


class ChosenModel(Struct, frozen=True):
    """The model that options choose, and its checkpoint, if it comes from one.

    Attributes:
        network: described.
        weights: its checkpoint, or None for random weights.
        folders: where files of the model may lie: those of its weights and of its config, as far as they have any.
    """

    network: Network
    weights: "Weights | None" = None
    folders: tuple[Path, ...] = ()

    @property
    def config(self) -> ModelConfig:
        """The model's config."""
        return self.network.config

    @property
    def checkpoint(self) -> "Recognised | None":
        """The checkpoint alone."""
        return None if self.weights is None else self.weights.recognised


def choose_model(
    config: str,
    set_values: Sequence[str] | None = None,
    tied: bool | None = None,
    *,
    weights: str | None = None,
    init: str | None = None,
    config_given: bool = True,
    attention: AttentionPath = "explicit",
    note: Note,
    counting: bool = False,
) -> ChosenModel:
    """Return the model of a config, or of a checkpoint where one is named.

    Args:
        config: as for `resolve`.
        set_values: likewise.
        tied: likewise.
        weights: a checkpoint: a file, a folder, or a model's name.
        init: how random weights are drawn.
        attention: the path of attention that it is described on.
        config_given: whether the config was asked for; a checkpoint brings its own, which a default must not replace.
        note: as for `resolve`.
        counting: likewise.

    Raises:
        InputError: as `load_weights`, and where something has no meaning for stored weights.
    """
    if weights is None:
        network = describe(resolve(config, set_values, tied, init=init, note=note, counting=counting).config, attention)
        return ChosenModel(network, folders=folders_of(config))
    if init is not None:
        raise InputError("--init says how random weights are drawn, and --weights brings others; leave one of them out")
    from gptcli.api.weights import load_weights

    asked = resolve(config, set_values, tied, note=note) if config_given else None
    found = load_weights(weights, set_values=set_values or (), tied=tied, config=asked)
    assert found.recognised.network is not None
    path = found.recognised.opened.path
    folders = (path if path.is_dir() else path.parent, *(folders_of(config) if config_given else ()))
    return ChosenModel(found.recognised.network.on(attention), found, folders)


def folders_of(config: str) -> tuple[Path, ...]:
    """Return where files of a config's model may lie, once the config has been read."""
    folder = config_folder(config)
    return () if folder is None else (folder,)
