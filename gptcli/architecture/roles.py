"""Roles: what a part is for. Other code finds a part by its role, without its path."""

from typing import Literal

Role = Literal[
    "token table",
    "position table",
    "query, key, value",
    "to residual",
    "gate",
    "router",
    "query norm",
    "key norm",
    "final norm",
    "head",
    "adapter",
]

TOKEN_TABLE: Role = "token table"  # noqa: S105  # no password
POSITION_TABLE: Role = "position table"
QUERY_KEY_VALUE: Role = "query, key, value"
TO_RESIDUAL: Role = "to residual"  # a linear layer whose output is added to the residual stream
GATE: Role = "gate"  # the linear layer whose activated output the feed forward is multiplied with
ROUTER: Role = "router"
QUERY_NORM: Role = "query norm"
KEY_NORM: Role = "key norm"
FINAL_NORM: Role = "final norm"
HEAD: Role = "head"
ADAPTER: Role = "adapter"  # a trained linear layer of low rank beside a frozen one
