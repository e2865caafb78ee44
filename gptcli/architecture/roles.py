"""Roles: what a part is for. Other code finds a part by its role, without its path."""

from typing import Literal

Role = Literal["token table", "position table", "query, key, value", "to residual", "final norm", "head"]

TOKEN_TABLE: Role = "token table"  # noqa: S105  # no password
POSITION_TABLE: Role = "position table"
QUERY_KEY_VALUE: Role = "query, key, value"
TO_RESIDUAL: Role = "to residual"  # a linear layer whose output is added to the residual stream
FINAL_NORM: Role = "final norm"
HEAD: Role = "head"
