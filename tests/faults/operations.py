"""Every operation of a housekey on the disk, counted in a forked child, and made to fail there.

Patched is the module `os` itself, with all functions of it that can change a disk, and the
connection that the ledger makes to SQLite: whatever `house/files.py` or the standard library under
it (`pathlib`, `shutil`) does passes through, so a new method of the file layer cannot escape. Only
what is about the folder of the test is counted; a module that Python reads is not. Of SQLite a
statement is one operation, because SQLite is atomic in it or not at all; what lies inside of one is
the power cut's (test_power_cut.py).

A client's order to Home Assistant that changes something there is counted too: what a kill just
before it and just after it leaves differs, though the disk is the same.
"""

from __future__ import annotations

import functools
import os
import signal
import sqlite3
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.faults.failures import (
    CHANGING,
    GOING,
    LOOKING,
    UNTOLD,
    WRITING_FLAGS,
    can_fail,
    sqlite_error,
)
from tests.faults.points import Met, disk_now

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAMS = ("update-ca-certificates",)
ORDERS = ("configure", "promote", "restart", "update_urls")


@dataclass(slots=True)
class Fault:
    """What goes wrong, and where; without `at` nothing does, and the operations are counted."""

    kind: str = ""  # "kill", "error", "vanish", "clock"
    at: int = 0  # before this operation, from 0 on; "kill" at the count of all is after the last
    number: int = 0  # of the error
    stays: bool = False  # the error stays: a disk that is full, or can only be read
    moment: str = ""  # of "clock": what it shows from then on, ISO 8601; at -1: from the start
    looks_too: bool = False  # count what only looks as well
    notes: str = ""  # note what a fault would meet: of "disk", "clock" or "ways" (points.py)
    gone: str = ""  # of "vanish": the folder in the counted one that goes; all of it without one


@dataclass(slots=True)
class Disk:
    """The instrumented disk of one child."""

    root: str
    fault: Fault
    done: list[str] = field(default_factory=list)
    met: list[Met] = field(default_factory=list)
    failed: int = 0  # operations that were made to fail
    jumped: bool = False
    orders: int = 0
    looks: int = 0  # at the clock
    ways: int = 0  # gone by a path or a connection: where a folder that is away is missed
    busy: bool = False  # inside an operation, or inside what makes one fail
    _handles: set[int] = field(default_factory=set)

    def install(self) -> None:
        for name, where in CHANGING.items():
            if hasattr(os, name):
                self._wrap(name, where)
        if self.fault.looks_too:
            for name, where in LOOKING.items():
                self._wrap(name, where)
        self._wrap_open()
        self._wrap_sqlite()
        self._wrap_exchange()
        self._wrap_orders()
        self._wrap_programs()
        self._wrap_clock()
        if self.fault.notes:
            self._watch_ways()

    # ---- one operation

    def operation(self, name: str, act: Callable[[], Any]) -> Any:
        self.busy = True
        try:
            self._begin(name)
            return act()
        finally:
            self.busy = False

    def note(self) -> None:
        """Note what a fault would meet now."""
        if self.fault.notes:
            was, self.busy, ways = self.busy, True, self.ways
            disk = disk_now(self.root) if self.fault.notes == "disk" else ""
            there = (Path(self.root) / self.fault.gone).exists()
            self.ways = ways  # not our own
            self.met.append(Met(disk, self.orders, self.looks, ways if there else None))
            self.busy = was

    def _begin(self, name: str) -> None:
        self.note()
        if self._reached():
            self._fail(name)
        self.done.append(name)

    def _reached(self) -> bool:
        here = len(self.done)
        return here >= self.fault.at if self.fault.stays else here == self.fault.at

    def _fail(self, name: str) -> None:
        match self.fault.kind:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "vanish" if len(self.done) == self.fault.at:
                going = Path(self.root) / self.fault.gone
                was, self.busy = self.busy, True
                if going.exists():
                    going.rename(self.root + ".gone")  # really
                    self.failed += 1
                self.busy = was
            case "clock":
                self.jumped = True
            case "error":
                number = self.fault.number
                if not can_fail(name, number):
                    return
                self.failed += 1
                self.done.append(name)
                if name.startswith("sqlite "):
                    raise sqlite_error(number)
                raise OSError(number, os.strerror(number))

    # ---- what is wrapped

    def _wrap(self, name: str, where: int) -> None:
        original = getattr(os, name)

        @functools.wraps(original)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if self.busy or not self._is_here(args[max(where, 0)] if args else None, kwargs):
                return original(*args, **kwargs)
            return self.operation(name, lambda: self._gone(original, *args, **kwargs))

        for members in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
            if original in members:
                members.add(wrapped)
        setattr(os, name, wrapped)

    def _wrap_open(self) -> None:
        original, close, dup = os.open, os.close, os.dup

        @functools.wraps(original)
        def opened(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
            ways = self.ways
            fd = counted_open(path, flags, *args, **kwargs)
            if isinstance(kwargs.get("dir_fd"), int):
                self.ways = ways  # in a folder that is open
            return fd

        def counted_open(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
            here = self._is_here(path, kwargs)
            counted = here and (flags & WRITING_FLAGS or self.fault.looks_too)
            if self.busy or not counted:
                fd = original(path, flags, *args, **kwargs)
            else:
                name = "create" if flags & WRITING_FLAGS else "open"
                fd = self.operation(name, lambda: original(path, flags, *args, **kwargs))
            if here:
                self._handles.add(fd)
            return fd

        def closed(fd: int) -> None:
            self._handles.discard(fd)
            close(fd)

        def doubled(fd: int) -> int:
            new = dup(fd)
            if fd in self._handles:
                self._handles.add(new)
            return new

        os.supports_dir_fd.add(opened)
        os.open, os.close, os.dup = opened, closed, doubled

    def _is_here(self, where: Any, kwargs: dict[str, Any]) -> bool:
        for fd in (where, kwargs.get("dir_fd"), kwargs.get("src_dir_fd")):
            if isinstance(fd, int):
                return fd in self._handles
        if where is None:
            return False
        path = os.fsdecode(where)
        return path == self.root or path.startswith(self.root + "/")

    def _wrap_exchange(self) -> None:
        """The one call of the file layer that `os` does not know."""
        from housekey.house.files import Files  # noqa: PLC0415 - in the child only

        original = Files._exchange

        def exchanged(files: Files, *args: Any) -> bool:
            result: bool = self.operation("exchange", lambda: original(files, *args))
            return result

        setattr(Files, "_exchange", exchanged)  # noqa: B010 - not a method to mypy

    def _wrap_sqlite(self) -> None:
        disk = self
        connect = sqlite3.connect

        class Connection(sqlite3.Connection):
            """Counts each statement that changes something, and each commit."""

            def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
                return disk.statement(sql, lambda: super(Connection, self).execute(sql, *args))  # type: ignore[no-any-return]

            def executemany(self, sql: str, *args: Any) -> sqlite3.Cursor:
                return disk.statement(sql, lambda: super(Connection, self).executemany(sql, *args))  # type: ignore[no-any-return]

            def executescript(self, sql: str) -> sqlite3.Cursor:
                return disk.statement(sql, lambda: super(Connection, self).executescript(sql))  # type: ignore[no-any-return]

            def commit(self) -> None:
                disk.statement("COMMIT", super().commit)

            def backup(self, *args: Any, **kwargs: Any) -> None:
                disk.statement("BACKUP", lambda: super(Connection, self).backup(*args, **kwargs))

            def close(self) -> None:
                disk.statement("CLOSE", super().close)  # the log goes into the file

        def connected(database: Any, *args: Any, **kwargs: Any) -> sqlite3.Connection:
            if disk.root not in os.fsdecode(database):
                elsewhere: sqlite3.Connection = connect(database, *args, **kwargs)
                return elsewhere
            kwargs.setdefault("factory", Connection)
            opened: sqlite3.Connection = disk.statement(
                "OPEN", lambda: connect(database, *args, **kwargs)
            )
            return opened

        setattr(sqlite3, "connect", connected)  # noqa: B010 - it has overloads

    def _gone(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call what changes a disk; by a path it goes a way, in what is open it does not."""
        handles = (args[0] if args else None, kwargs.get("dir_fd"), kwargs.get("src_dir_fd"))
        self.ways += not any(isinstance(each, int) for each in handles)
        return original(*args, **kwargs)

    def _watch_ways(self) -> None:
        """Count whatever looks: Python tells of most, the rest is wrapped."""
        sys.addaudithook(lambda event, _: self._went(event in GOING))
        for name in UNTOLD:
            original = getattr(os, name)

            @functools.wraps(original)
            def looked(*args: Any, _original: Any = original, **kwargs: Any) -> Any:
                return self._gone(_original, *args, **kwargs)

            for members in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
                if original in members:
                    members.add(looked)
            setattr(os, name, looked)

    def _went(self, ways: int) -> None:
        self.ways += ways

    def statement(self, sql: str, act: Callable[[], Any]) -> Any:
        verb = sql.split(None, 1)[0].upper()

        def go() -> Any:
            self.ways += 1
            return act()

        if self.busy or (verb in ("SELECT", "OPEN") and not self.fault.looks_too):
            return go()
        return self.operation(f"sqlite {verb}", go)

    def _wrap_orders(self) -> None:
        from housekey.homeassistant.client import Client  # noqa: PLC0415 - in the child only

        for name in ORDERS:
            original = getattr(Client, name)

            async def ordered(
                client: Any, *args: Any, _name: str = name, _original: Any = original, **kwargs: Any
            ) -> Any:
                self._begin(f"order {_name}")
                self.ways += 1
                result = await _original(client, *args, **kwargs)
                self.orders += 1
                self._begin(f"order {_name} was obeyed")
                self.ways += 1
                return result

            setattr(Client, name, ordered)

    def _wrap_programs(self) -> None:
        """A program that changes a store of this computer is one operation."""
        from housekey.trust.machine import SystemRunner  # noqa: PLC0415 - in the child only

        original = SystemRunner.__call__

        def called(runner: SystemRunner, command: Any, **kwargs: Any) -> Any:
            name = Path(command[0]).name
            if self.busy or name not in PROGRAMS:
                return original(runner, command, **kwargs)
            return self.operation(f"program {name}", lambda: original(runner, command, **kwargs))

        setattr(SystemRunner, "__call__", called)  # noqa: B010 - not a method to mypy

    def _wrap_clock(self) -> None:
        if self.fault.kind != "clock" and not self.fault.notes:
            return
        from housekey.cli import output  # noqa: PLC0415 - in the child only

        self.jumped = self.fault.kind == "clock" and self.fault.at < 0
        moment = datetime.fromisoformat(self.fault.moment or "1970-01-01").replace(tzinfo=UTC)
        original = output.now

        def now() -> datetime:
            self.looks += 1
            return moment if self.jumped else original()

        for module in list(sys.modules.values()):
            if module.__name__.startswith("housekey") and getattr(module, "now", None) is original:
                module.now = now  # type: ignore[attr-defined]
