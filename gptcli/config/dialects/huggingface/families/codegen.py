"""CodeGen (Nijkamp et al. 2022): GPT-J's network."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface.families.gptj import FAMILY as GPTJ

FAMILY = but(GPTJ, implied={"family": "codegen"}, nothing=frozenset({"n_ctx"}))  # no code reads it
