"""What the files that are written can end in; checked before any work is done."""

from gptcli.files import check_ending

_TENSORS = (".safetensors",)
_PAGE = (".html", ".htm")


def check_save(target: str | None) -> None:
    """Refuse a name for ``--save`` that says another format than safetensors.

    Raises:
        InputError: with a name that works.
    """
    if target is not None:
        check_ending(target, "tensors", _TENSORS, option="--save")


def check_page(target: str | None) -> None:
    """Refuse a name for ``--html`` that says another format than HTML.

    Raises:
        InputError: with a name that works.
    """
    if target is not None:
        check_ending(target, "a page", _PAGE, option="--html")
