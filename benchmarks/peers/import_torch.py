"""Import torch and do nothing."""

import torch  # noqa: F401
