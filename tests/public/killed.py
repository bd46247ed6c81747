"""Orders in processes that the kernel kills at a moment of one's choice.

    with Killing() as killing:
        killing.order(house, settings, records_url, kill_at=("ask new order", 0))

A server that has imported everything forks itself for each order: to import takes a second, a fork
some milliseconds. Run as a program this module is that server.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias

from housekey.public.settings import PublicSettings
from tests.public.ordered import LABEL

Moment: TypeAlias = tuple[str, int]
SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How one order ended."""

    killed: bool
    moments: tuple[str, ...]  # that it came to; the last one is where it was killed
    error: str | None
    certificate: str | None  # the SHA-256 of the leaf that was taken


class Killing:
    """The server's client; the server ends with the `with` block, or with this process."""

    def order(
        self,
        folder: Path,
        settings: PublicSettings,
        records_url: str,
        *,
        name: str = LABEL,
        kill_at: Moment | None = None,
        register: bool = False,
    ) -> Ended:
        """Order and take what came, or register, as the owner of the house in `folder`.

        `kill_at`: the moment in which the process is killed, and the how manyth of this name,
        from 0: how often the CA is asked how it stands is never the same.
        """
        asked = {
            "folder": str(folder),
            "settings": asdict(settings),
            "records": records_url,
            "name": name,
            "kill_at": kill_at,
            "register": register,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the server of killed orders has ended"
        answer = json.loads(line)
        return Ended(
            killed=answer["signal"] == signal.SIGKILL,
            moments=tuple(answer["moments"]),
            error=answer["error"],
            certificate=answer["certificate"],
        )

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL"),
                *(sys.executable, "-W", "error", "-m", "tests.public.killed"),
            ],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(SECONDS)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()


# The server


def _serve() -> None:
    # What an order loads, so that its forks need not.
    import housekey.house.house  # noqa: PLC0415
    import housekey.public.ordering  # noqa: F401, PLC0415

    for line in sys.stdin:
        asked = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _child(asked, writing)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            told = [json.loads(each) for each in pipe]
        _, status = os.waitpid(child, 0)
        ended: dict[str, Any] = next((each["ended"] for each in told if "ended" in each), {})
        answer = {
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
            "moments": [each["moment"] for each in told if "moment" in each],
            "error": ended.get("error"),
            "certificate": ended.get("certificate"),
        }
        print(json.dumps(answer), flush=True)


def _child(asked: dict[str, Any], writing: int) -> None:
    ended: dict[str, Any] = {}
    with contextlib.suppress(BaseException):
        ended = _order(asked, writing)
    os.write(writing, json.dumps({"ended": ended}).encode() + b"\n")
    os._exit(0)


def _order(asked: dict[str, Any], writing: int) -> dict[str, Any]:
    from housekey.errors import HousekeyError  # noqa: PLC0415 - loaded by the server
    from housekey.house.files import Files  # noqa: PLC0415
    from housekey.house.house import House  # noqa: PLC0415
    from housekey.house.lock import house_lock  # noqa: PLC0415
    from housekey.pki.encoding import fingerprint  # noqa: PLC0415
    from housekey.public.account import register  # noqa: PLC0415
    from housekey.public.order import obtain, taken  # noqa: PLC0415
    from tests.public.challtest import ChallTestRecords  # noqa: PLC0415
    from tests.public.ordered import TestWorld, need_for  # noqa: PLC0415
    from tests.public.pebble import TERMS  # noqa: PLC0415

    met: list[str] = []
    world = TestWorld()

    def hook(moment: str) -> None:
        os.write(writing, json.dumps({"moment": moment}).encode() + b"\n")
        if [moment, met.count(moment)] == asked["kill_at"]:
            os.kill(os.getpid(), signal.SIGKILL)
        met.append(moment)

    settings = PublicSettings(**{**asked["settings"], "names": tuple(asked["settings"]["names"])})
    folder, files = Path(asked["folder"]), Files()
    with (
        house_lock(folder, wait=SECONDS, files=files),
        House.open(folder, files=files, clock=world.clock) as house,
    ):
        try:
            if asked["register"]:
                asyncio.run(register(house, settings, agreed_terms=TERMS, world=world, hook=hook))
                return {}
            got = asyncio.run(
                obtain(
                    house,
                    need_for(asked["name"]),
                    settings,
                    ChallTestRecords(asked["records"]),
                    world=world,
                    patience=20.0,
                    hook=hook,
                )
            )
        except HousekeyError as error:
            return {"error": f"{error.message}\n{error.hint}"}
        hook("before it is taken")
        leaf = house.take(LABEL, chain=got.chain, key=got.key, data={})
        hook("after it is taken")
        taken(house)
        hook("all is over")
        return {"certificate": fingerprint(leaf.certificate)}


if __name__ == "__main__":
    _serve()
