"""One file for each ``model_type``: what its keys say in ours."""
