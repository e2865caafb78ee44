"""Networks that know nothing of the description: witnesses for `gptcli verify`.

Every other figure of `verify` is held against a network that is built from the description, so an error of the
description stands on both sides and shows in none. A witness is built from the config's numbers alone. It imports
nothing of gptcli but `gptcli.config`; a contract of the linter says so.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from msgspec import Struct
from torch import Tensor, nn

from gptcli.config import ModelConfig

WitnessName = Literal["plain", "transformers"]


class Witness(Struct, frozen=True, kw_only=True):
    """A kind of network that can stand beside ours.

    Attributes:
        name: what the option ``--witness`` calls it.
        source: what it is and where it stands.
        build: makes it of a config, on a device and in a dtype; it takes ids (B, T) and gives logits (B, T, V).
        state: its tensors by the names of GPT-2's checkpoints, a linear layer's as (out, in), a tied head left out.
    """

    name: WitnessName
    source: str
    build: Callable[[ModelConfig, str, torch.dtype], nn.Module]
    state: Callable[[nn.Module], Mapping[str, Tensor]]


def witness_named(name: WitnessName) -> Witness:
    """Return a witness.

    Raises:
        InputError: transformers is asked for and not installed.
    """
    if name == "transformers":
        from gptcli.model.witness.peer import transformers_witness

        return transformers_witness()
    from gptcli.model.witness.plain import PlainGPT, state

    return Witness(name="plain", source="gptcli/model/witness/plain.py", build=PlainGPT, state=state)
