"""Plain scalars by the rules of YAML 1.2 (core schema, section 10.3.2), where PyYAML still follows 1.1."""

import re

Scalar = str | int | float | bool | None

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
# A leading zero is left as text: YAML 1.1 reads 010 as 8 and YAML 1.2 as 10, so whoever wrote it must say which.
_INT = r"[-+]?(0|[1-9][0-9]*)"
_OCTAL_OR_HEX = r"0o[0-7]+|0x[0-9a-fA-F]+"
_FLOAT = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
_SPECIAL = r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
_NUMBER_STARTS = frozenset("+-.0123456789")
_LONGEST_NUMBER = 400  # Python refuses to convert integers of more than 4,300 digits; no size comes near

_YAML_1_1_BOOL = {"yes": "true", "y": "true", "on": "true", "no": "false", "n": "false", "off": "false"}
_SEXAGESIMAL = r"[-+]?[0-9]+(:[0-5]?[0-9])+"
_GROUPED = r"[-+]?[0-9]{1,3}([_,' ][0-9]{3})+|[-+]?[0-9]+(_[0-9]+)+"
_ZERO_LED = r"[-+]?0+[0-9]+"


def resolve_scalar(text: str) -> Scalar:
    """Return the value of an unquoted YAML 1.2 scalar; what matches no rule is text."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if len(text) > _LONGEST_NUMBER:
        return text
    if text[0] not in _NUMBER_STARTS:
        return text
    if re.fullmatch(_INT, text):
        return int(text)
    if re.fullmatch(_OCTAL_OR_HEX, text):
        return int(text, base=0)
    if re.fullmatch(_FLOAT, text) and not re.fullmatch(_ZERO_LED, text):
        return float(text)
    if re.fullmatch(_SPECIAL, text):
        return float(text.replace(".", ""))
    return text


def suggest_spelling(text: str, kind: type) -> str | None:
    """Return what the writer of this text most likely meant as a YAML 1.2 scalar of that kind, or None."""
    text = text.strip()
    if len(text) > _LONGEST_NUMBER:
        return None
    if kind is bool:
        meant = _YAML_1_1_BOOL.get(text.lower(), text.lower())
    elif re.fullmatch(_ZERO_LED, text):
        meant = str(int(text))
    elif re.fullmatch(_SEXAGESIMAL, text):
        meant = str(_from_base_60(text))
    elif re.fullmatch(_GROUPED, text):
        meant = re.sub(r"[_,' ]", "", text)
    else:
        meant = text
    value = resolve_scalar(meant)
    return meant if isinstance(value, kind) and isinstance(value, bool) == (kind is bool) else None


def _from_base_60(text: str) -> int:
    """Return the number that YAML 1.1 read here, ``1:30`` being 90."""
    value = 0
    for digits in text.lstrip("+-").split(":"):
        value = value * 60 + int(digits)
    return -value if text.startswith("-") else value
