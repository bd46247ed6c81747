"""A process that is killed at a step of its work on the disk: for real, without a last word."""

from __future__ import annotations

import os
import shutil
import warnings
from typing import TYPE_CHECKING, Any

from housekey.house.files import Files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_KILLED = 137  # what a shell says of SIGKILL

# The steps of `Files`: what is done in one system call or nearly so, and the whole methods whose
# beginning and end lie between such calls.
_STEPS = (
    *("_create", "_dress", "_write_all", "_sync", "_rename", "_exchange", "_sync_folder"),
    "_sync_path",
    *("write", "append", "remove", "rename", "make_folder", "remove_folder", "set_mode"),
)


class KilledAt(Files):
    """A disk whose user dies at the `last`-th moment: each step has one before and one after."""

    def __init__(self, last: int | None = None) -> None:
        self.last = last
        self.moments = 0

    def moment(self) -> None:
        self.moments += 1
        if self.moments == self.last:
            os._exit(_KILLED)


def _killing(name: str) -> Callable[..., Any]:
    def step(self: KilledAt, *arguments: Any, **options: Any) -> Any:
        self.moment()
        if name == "_write_all" and self.last == self.moments + 1:
            os.write(arguments[0], bytes(arguments[1][: len(arguments[1]) // 2]))
        result = getattr(Files, name)(self, *arguments, **options)
        self.moment()
        return result

    return step


for _name in _STEPS:
    setattr(KilledAt, _name, _killing(_name))


def killed_at_every_moment(
    begin: Path, work: Callable[[Path, Files], None], *, at: Path, every: int = 1
) -> Iterator[tuple[int, Path]]:
    """Do `work` on copies of the folder `begin`, each time killed a moment later.

    Yields the number of the moment and the folder that the killed one left, at `at`. `every`
    leaves moments out, for work that is slow.
    """
    _copied(begin, at)
    counting = KilledAt()
    work(at, counting)
    for last in range(1, counting.moments + 1, every):
        _copied(begin, at)
        killed(lambda last=last: work(at, KilledAt(last)))  # type: ignore[misc]
        yield last, at


def killed(work: Callable[[], None]) -> None:
    """Let a copy of this process do `work`, which must not come to its end."""
    with warnings.catch_warnings():  # pytest's workers have threads; this copy needs none of them
        warnings.simplefilter("ignore", DeprecationWarning)
        process = os.fork()
    if process == 0:
        try:
            work()
        finally:
            os._exit(1)
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == _KILLED


def _copied(begin: Path, at: Path) -> None:
    shutil.rmtree(at, ignore_errors=True)
    shutil.copytree(begin, at)
