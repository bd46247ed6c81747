"""In Home Assistant's process the loop waits for nothing: no file is opened there, nothing loaded.

Home Assistant itself complains of it (its block_async_io.py); the same is watched here.
"""

from __future__ import annotations

import json
import subprocess
import sys

from tests.public.knot import Knot

_PUBLISH = """
import asyncio, builtins, glob, importlib, json, os, sys
from housekey.pki.secret import Secret
from housekey.public.rebinding import look
from housekey.public.lookup import Lookup
from housekey.public.records import records_of
from tests.public.parts import TestWorld, settings

blocking = []
def watched(name, call):
    def instead(*arguments, **named):
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            blocking.append(f"{name}{arguments[:1]}")
        return call(*arguments, **named)
    return instead
builtins.open = watched("open", builtins.open)
importlib.import_module = watched("import_module", importlib.import_module)
for name in ("listdir", "scandir", "walk"):
    setattr(os, name, watched(name, getattr(os, name)))
glob.glob = watched("glob", glob.glob)

credentials = {name: Secret(text.encode()) for name, text in json.loads(sys.argv[1]).items()}
async def story():
    records = records_of(settings("ddns"), credentials, world=TestWorld())
    await records.ready()
    await records.publish("home.test", ["one"])
    await records.withdraw("home.test", ["one"])
    await look("ha.home.test", lookup=Lookup())
    if len(sys.argv) > 2:
        open("/dev/null").close()
asyncio.run(story())
json.dump(blocking, sys.stdout)
"""


def _run(*more: str) -> list[str]:
    with Knot(zones={"home.test": "ha A 192.168.1.7"}) as knot:
        done = subprocess.run(
            knot.seen_by(
                sys.executable, "-W", "error", "-c", _PUBLISH, json.dumps(knot.credentials), *more
            ),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert knot.lookup("_acme-challenge.home.test") == ()
    found: list[str] = json.loads(done.stdout)
    return found


def test_nothing_blocks_the_loop() -> None:
    assert _run() == []


def test_this_test_would_see_it() -> None:
    assert _run("open something") == ["open('/dev/null',)"]
