"""Help screens: usage, examples and the commonest options first, so that 24 lines hold them; then the rest by group.

Typer's objects come in as they are; no type of theirs is public.
"""

import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.text import Text

from gptcli.render.console import QUIET, TITLE, make_console

_NAME = "cyan"
_GROUPS = ("Common", "Input", "Model", "Run", "Sampling", "Output")  # others come after them
_EVERYWHERE = ("no_color", "debug", "help")  # explained once, by 'gptcli -h'
_INDENT, _GAP = 2, 2
_WIDEST_NAME = 27  # columns; a longer name stands on a line of its own
_NARROW = 66  # columns below which the text stands under the name
_LONGEST_BOUND = 999_999  # a range that ends in a larger number says nothing that helps
_PLACEHOLDERS = {"int": "N", "int range": "N", "float": "X", "float range": "X", "str": "TEXT"}


class _Entry(NamedTuple):
    """A line of help: an option or a command, and what it does."""

    name: str
    text: Text
    group: str = ""


class _Description(NamedTuple):
    """The parts of a docstring."""

    summary: str
    examples: list[str]
    notes: list[str]


def help_screen(command: Any, ctx: Any, common: Sequence[str] = ()) -> str:
    """Return the help of a command or a group, with colours where stdout shows them.

    Args:
        command: Typer's command.
        ctx: its context.
        common: the options that are shown first.
    """
    console = make_console(sys.stdout, page=True)
    with console.capture() as captured:
        for line in _lines(command, ctx, common, console):
            console.print(line, soft_wrap=True)
    return captured.get()


def examples_of(command: Any) -> list[str]:
    """Return the examples of a command's help, each as it is typed."""
    return _described(command).examples


def placeholder(option: Any, ctx: Any) -> str:
    """Return what stands for the value of an option: ``NAME|PATH|-``, ``N``, ``auto|cpu|cuda``; empty for a flag."""
    if option.is_flag:
        return ""
    metavar = str(option.make_metavar(ctx))
    bare = metavar.removesuffix("...").strip("[]<>").lower()
    return _PLACEHOLDERS.get(bare, metavar.strip("[]<>") if option.metavar is None else metavar)


def argument_name(argument: Any) -> str:
    """Return what stands for an argument: ``TEXT...``."""
    name = str(argument.metavar or argument.name.upper())
    return name[1:-1] if name.startswith("[") else name


def is_argument(parameter: Any) -> bool:
    """Return whether a parameter is an argument, not an option."""
    return bool(parameter.param_type_name == "argument")


def _lines(command: Any, ctx: Any, common: Sequence[str], console: Console) -> Iterator[Text]:
    width = console.width
    described = _described(command)
    yield Text.assemble(("Usage: ", QUIET), (_usage(command, ctx), TITLE))
    yield Text()
    yield from _wrapped(Text(described.summary), console, width, 0)
    yield Text()
    for example in described.examples:
        yield Text.assemble("  ", ("$ ", QUIET), example)
    parameters = [each for each in command.get_params(ctx) if not getattr(each, "hidden", False)]
    is_group = hasattr(command, "commands")
    yield from _sections(list(_entries(command, parameters, ctx, common, everywhere=is_group)), console, width)
    if not is_group:
        yield Text()
        yield Text("Everywhere: --no-color, --debug, -h; 'gptcli -h' explains them.", style=QUIET)
    for note in described.notes:
        yield Text()
        yield from _wrapped(Text(note), console, width, 0)


def _described(command: Any) -> _Description:
    """Take a docstring apart: its first paragraph, the lines of examples, the paragraphs about more."""
    paragraphs = [" ".join(part.split("\n")) if "$ " not in part else part for part in _paragraphs(command.help)]
    examples = [line for part in paragraphs[1:] if "$ " in part for line in part.split("\n")]
    notes = [part for part in paragraphs[1:] if "$ " not in part]
    return _Description(paragraphs[0], [line.removeprefix("$ ") for line in examples], notes)


def _paragraphs(text: str | None) -> list[str]:
    return [Text.from_markup(part).plain for part in inspect.cleandoc(text or "").split("\n\n")]


def _usage(command: Any, ctx: Any) -> str:
    words = [str(ctx.command_path)]
    if hasattr(command, "commands"):
        return " ".join([*words, "COMMAND"])
    names = [(argument_name(each), each.required) for each in command.get_params(ctx) if is_argument(each)]
    return " ".join([*words, "[OPTIONS]", *(name if needed else f"[{name}]" for name, needed in names)])


def _entries(
    command: Any, parameters: Sequence[Any], ctx: Any, common: Sequence[str], *, everywhere: bool
) -> Iterator[_Entry]:
    """Yield arguments, the commonest options in their own order, then the other options and the commands."""
    for each in parameters:
        if is_argument(each):
            yield _Entry(argument_name(each), _explained(each, ctx))
    options = [each for each in parameters if not is_argument(each)]
    by_name = {name: each for each in options for name in each.opts}
    first = [by_name[name] for name in common]
    for each in first:
        yield _Entry(_option_name(each, ctx), _explained(each, ctx), "Common")
    for each in options:
        if each not in first and (everywhere or each.name not in _EVERYWHERE):
            group = "Options" if each.name in _EVERYWHERE else each.rich_help_panel or "Options"
            yield _Entry(_option_name(each, ctx), _explained(each, ctx), group)
    if hasattr(command, "commands"):
        for name in command.list_commands(ctx):
            each = command.get_command(ctx, name)
            yield _Entry(name, Text(_brief(each)), each.rich_help_panel or "Commands")


def _brief(command: Any) -> str:
    """Return the summary of a command up to where it goes into details."""
    return re.split(r"[:;] ", _described(command).summary)[0].rstrip(".") + "."


def _sections(entries: Sequence[_Entry], console: Console, width: int) -> Iterator[Text]:
    names = [len(entry.name) for entry in entries if len(entry.name) <= _WIDEST_NAME]
    column = max(names, default=0)
    groups = list(dict.fromkeys(entry.group for entry in entries))
    if "Common" in groups:
        groups.sort(key=lambda each: _GROUPS.index(each) if each in _GROUPS else len(_GROUPS) if each else -1)
    for group in groups:
        yield Text()
        if group:
            yield Text(group, style=TITLE)
        for entry in entries:
            if entry.group == group:
                yield from _entry_lines(entry, column, console, width)


def _entry_lines(entry: _Entry, column: int, console: Console, width: int) -> Iterator[Text]:
    name = Text.assemble(" " * _INDENT, (entry.name, _NAME))
    start = _INDENT + column + _GAP
    beside = width >= _NARROW and len(entry.name) <= column
    if width < _NARROW:
        start = 2 * _INDENT
    if not beside:
        yield name
    for number, line in enumerate(_wrapped(entry.text, console, width, start)):
        if beside and not number:
            name.append(" " * (start - len(name)))
            yield name.append_text(line[start:])
        else:
            yield line


def _wrapped(text: Text, console: Console, width: int, start: int) -> Iterator[Text]:
    """Yield a text in lines that begin at a column."""
    for line in text.wrap(console, max(width - start, 1)):
        line.rstrip()
        yield Text(" " * start).append_text(line)


def _option_name(option: Any, ctx: Any) -> str:
    """``-c, --config NAME|PATH|-``; options without a short form stand below their like."""
    short = [name for name in option.opts if not name.startswith("--")]
    long = "/".join([*(name for name in option.opts if name.startswith("--")), *option.secondary_opts])
    front = f"{short[0]}, " if short else "    "
    return f"{front}{long} {placeholder(option, ctx)}".rstrip()


def _explained(parameter: Any, ctx: Any) -> Text:
    """Return the help of a parameter with its range and its default, which a variable may hold."""
    text = Text.from_markup(" ".join((getattr(parameter, "help", None) or "").split()))
    facts = [*_range(parameter), *_default(parameter, ctx)]
    if parameter.required and not is_argument(parameter):
        facts.append("required")
    return text.append(f" [{'; '.join(facts)}]", style=QUIET) if facts else text


def _default(parameter: Any, ctx: Any) -> list[str]:
    if isinstance(parameter.show_default, str):
        return [f"default: {parameter.show_default}"]
    if not parameter.show_default:
        return []
    value = parameter._extract_default_help_str(ctx=ctx)
    if value is None:
        return []
    shown = parameter._get_default_string(ctx=ctx, show_default_is_str=False, default_value=value)
    variable = f", or ${parameter.envvar}" if getattr(parameter, "envvar", None) else ""
    return [f"default: {shown}{variable}"] if shown else []


def _range(parameter: Any) -> list[str]:
    """Return the range of a number where both ends are worth knowing."""
    least, most = getattr(parameter.type, "min", None), getattr(parameter.type, "max", None)
    if least is None or most is None or most > _LONGEST_BOUND:
        return []
    return [f"{least} to {most}"]
