"""Networks that know nothing of the description: witnesses for `gptcli verify`.

Every other figure of `verify` is compared with a network that is built from the description, so an error of the
description stands on both sides and shows in none. A witness is built from the config's numbers alone. It imports
nothing of gptcli but `gptcli.config`; a contract of the linter says so.
"""

from gptcli.model.witness.witness import Witness, WitnessName, check_witness, has_witness

__all__ = ["Witness", "WitnessName", "check_witness", "has_witness", "witness_named"]


def witness_named(name: WitnessName) -> Witness:
    """Return a witness that `check_witness` accepts."""
    if name == "transformers":
        from gptcli.model.witness.peer import transformers_witness

        return transformers_witness()
    from gptcli.model.witness.plain import PlainGPT, state

    source = "gptcli/model/witness/plain.py"
    return Witness(name="plain", source=source, layout="lecture", build=PlainGPT, state=state)
