"""gptcli beside its peers, as ratios of whole processes in one run."""
