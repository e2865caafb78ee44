"""GLM-4-0414: GLM with norms at the ends of the branches too."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface.families.glm import FAMILY as GLM

FAMILY = but(GLM, implied={"norm_position": "sandwich"})
