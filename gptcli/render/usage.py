"""Wrong usage in one line, as any other error: the place, the problem, a way out.

Typer's exceptions come in as they are; no type of theirs is public.
"""

import re
from typing import Any

from gptcli.config.printable import printable
from gptcli.errors import did_you_mean
from gptcli.render.help import argument_name, examples_of, is_argument, placeholder

_QUOTED = re.compile(r"'(.*)' is not one of (.*?)\.?$", re.DOTALL)
_BETWEEN, _FROM = re.compile(r"(-?\d+)<=x<=(-?\d+)"), re.compile(r"x>=(-?\d+)")


def usage_problem(error: Any) -> str:
    """Return the message for one of Typer's usage errors."""
    ctx = error.ctx
    parameter = getattr(error, "param", None)
    option = getattr(error, "option_name", None)
    if type(error).__name__ == "MissingParameter":
        return _missing(parameter, ctx)
    if parameter is not None:
        return f"{_place(parameter)}: {_value_problem(error.message)}{_way_out(ctx)}"
    if option is not None:
        return f"{_option_problem(error, option, ctx)}{_way_out(ctx)}"
    return f"{ctx.command_path}: {_plain(error.message)}{_config_hint(error, ctx)}{_way_out(ctx)}"


def _place(parameter: Any) -> str:
    return argument_name(parameter) if is_argument(parameter) else max(parameter.opts, key=len)


def _missing(parameter: Any, ctx: Any) -> str:
    """Say what is missing; the first example of the help shows it."""
    name = _place(parameter) if is_argument(parameter) else f"{_place(parameter)} {placeholder(parameter, ctx)}"
    example = next(iter(examples_of(ctx.command)), f"{ctx.command_path} -h")
    return f"{ctx.command_path}: {name} is missing; write it as in: {example}"


def _value_problem(message: str) -> str:
    quoted = _QUOTED.match(message)
    if quoted is not None:
        choices = re.findall(r"'([^']*)'", quoted[2])
        message = f"'{quoted[1]}' is none of {', '.join(choices)}{did_you_mean(quoted[1], choices)}"
    message = _FROM.sub(r"from \1 on", _BETWEEN.sub(r"from \1 to \2", message))
    return _plain(message.replace("is not in the range", "is not").replace("a valid int", "a whole number")
                  .replace("a valid float", "a number").replace(" range", ""))  # fmt: skip


def _option_problem(error: Any, option: str, ctx: Any) -> str:
    """Say what is wrong with the use of an option, which may be that there is none of that name."""
    name = printable(option)
    named = {each: parameter for parameter in ctx.command.get_params(ctx) for each in _names(parameter)}
    if type(error).__name__ == "NoSuchOption":
        near = did_you_mean(option, named) if option.startswith("--") else ""
        return f"{name}: no such option of '{ctx.command_path}'{near}"
    if option in named and placeholder(named[option], ctx):
        return f"{name}: needs a value, {placeholder(named[option], ctx)}"
    return f"{name}: {_plain(error.message.removeprefix(f'Option {option!r} '))}"


def _names(parameter: Any) -> list[str]:
    return [*parameter.opts, *parameter.secondary_opts]


def _config_hint(error: Any, ctx: Any) -> str:
    """Name the option that a preset belongs to where it is typed as an argument."""
    from gptcli.config import preset_paths

    extra = re.fullmatch(r"Got unexpected extra argument\(s\) \((\S+)\)", error.message)
    if extra is None or extra[1] not in preset_paths() or all(each.name != "config" for each in ctx.command.params):
        return ""
    return f" (did you mean '-c {extra[1]}'?)"


def _way_out(ctx: Any) -> str:
    return f"; '{ctx.command_path} -h' says what it takes"


def _plain(message: str) -> str:
    """Return a sentence of Typer's as part of one: no capital, no full stop."""
    message = message.strip().replace("argument(s)", "arguments").removesuffix(".")
    return message[:1].lower() + message[1:]
