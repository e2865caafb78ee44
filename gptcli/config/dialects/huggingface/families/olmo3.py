"""OLMo 3 (OLMo Team 2025): three local layers to a full one, of which the full alone is stretched."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface._layers import windows
from gptcli.config.dialects.huggingface._rope import rope_by_layers
from gptcli.config.dialects.huggingface.families.olmo2 import FAMILY as OLMO2

FAMILY = but(OLMO2, windows("3LF"), rope_by_layers(5e5, 5e5))
