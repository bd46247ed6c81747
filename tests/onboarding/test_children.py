"""`serve` starts two processes that answer, tells what happens, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from housekey.errors import ShareFailed
from housekey.onboarding import children
from housekey.onboarding.children import serve
from housekey.onboarding.events import Step
from housekey.onboarding.visitor import Kind
from tests.needs import require
from tests.onboarding.sharing import a_pair, an_offer, ask, sharing, trusting

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from housekey.onboarding.children import Serving
    from housekey.pki.secret import Secret

CHECKOUT = Path(__file__).parents[2]
IPHONE = (
    "User-Agent: Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
)


def starting(
    *addresses: str,
    pair: tuple[bytes, Secret] | None = None,
    port: int = 0,
    proof_port: int = 0,
) -> Coroutine[None, None, Serving]:
    chain, key = pair or a_pair()
    return serve(
        an_offer(),
        chain_pem=chain,
        key_pem=key,
        addresses=addresses or ("127.0.0.1",),
        port=port,
        proof_port=proof_port,
    )


def is_there(pid: int) -> bool:
    try:
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def gone(pids: Sequence[int], seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not any(map(is_there, pids)):
            return True
        time.sleep(0.02)
    return False


def test_a_device_goes_from_the_page_to_its_proof() -> None:
    async def story() -> None:
        async with sharing() as shared:
            page = await ask(shared.port, "/", IPHONE)
            assert page.status == 200
            profile = await ask(shared.port, "/housekey.mobileconfig", IPHONE)
            assert profile.headers["content-type"] == "application/x-apple-aspen-config"
            fresh = json.loads((await ask(shared.port, "/nonce", IPHONE)).body)
            origin = f"Origin: http://127.0.0.1:{shared.port}"
            target = f"/proof?nonce={fresh['nonce']}"
            proof = await ask(shared.proof_port, target, origin, tls=trusting())
            assert json.loads(proof.body)["trusted"] is True
            assert proof.headers["access-control-allow-origin"] == origin.removeprefix("Origin: ")
            await shared.until(Step.TRUSTS)
            assert {event.step for event in shared.events} == {
                Step.ARRIVED,
                Step.FETCHED,
                Step.TRUSTS,
            }
            assert {event.device for event in shared.events} == {1}
            assert {event.visitor.kind for event in shared.events if event.visitor} == {Kind.IPHONE}
            again = await ask(shared.proof_port, target, origin, tls=trusting())
            assert again.status == 403
            assert await shared.until_refused("bad-nonce") == 1
            assert len(shared.steps(Step.TRUSTS)) == 1

    asyncio.run(story())


def test_the_page_names_the_port_of_the_proof_as_it_was_bound() -> None:
    async def story() -> None:
        async with sharing() as shared:
            assert shared.proof_port not in (0, 8126)
            page = await ask(shared.port)
            assert f"https://127.0.0.1:{shared.proof_port}".encode() in page.body
            about = json.loads((await ask(shared.port, "/about.json")).body)
            assert about["proof"]["port"] == shared.proof_port

    asyncio.run(story())


def test_it_answers_at_several_addresses_on_one_port() -> None:
    require(socket.has_ipv6 and _has_ipv6_loopback(), "IPv6 on the loopback interface")

    async def story() -> None:
        offer = an_offer("localhost", "127.0.0.1", "127.0.0.2", "::1")
        async with sharing("127.0.0.1", "127.0.0.2", "::1", offer=offer) as shared:
            for address in ("127.0.0.1", "127.0.0.2", "::1"):
                reader, writer = await asyncio.open_connection(address, shared.port)
                host = f"[{address}]" if ":" in address else address
                writer.write(f"GET / HTTP/1.1\r\nHost: {host}:{shared.port}\r\n\r\n".encode())
                assert (await reader.readline()).split()[1] == b"200"
                writer.transport.abort()
            with pytest.raises(OSError):
                await asyncio.open_connection("127.0.0.3", shared.port)

    asyncio.run(story())


def _has_ipv6_loopback() -> bool:
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


def test_closing_ends_both_and_frees_the_ports() -> None:
    async def story() -> None:
        serving = await starting()
        pids = serving.pids
        assert all(map(is_there, pids))
        # Somebody who is still connected changes nothing.
        _, writer = await asyncio.open_connection("127.0.0.1", serving.port)
        await serving.close()
        await serving.close()
        assert not any(map(is_there, pids))
        for port in (serving.port, serving.proof_port):
            socket.create_server(("127.0.0.1", port)).close()
        writer.transport.abort()

    asyncio.run(story())


def test_events_end_with_the_serving() -> None:
    async def story() -> None:
        async with await starting() as serving:
            await ask(serving.port)
            met = [await anext(serving.events())]

            async def the_rest() -> None:
                met.extend([event async for event in serving.events()])

            rest = asyncio.create_task(the_rest())
            await asyncio.sleep(0)
            await serving.close()
            async with asyncio.timeout(5):
                await rest
            assert [event.step for event in met] == [Step.ARRIVED]

    asyncio.run(story())


# What goes wrong


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("which", ["port", "proof_port"])
def test_a_port_that_is_taken_is_told_before_any_process_is_started(which: str) -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            before = open_files()
            with pytest.raises(ShareFailed, match=f"port {port} at 127.0.0.1 is taken") as told:
                await starting(**{which: port})
            assert f"--{which.replace('_', '-')}" in told.value.hint
            assert open_files() == before

    asyncio.run(story())


def test_an_address_of_another_machine_is_told() -> None:
    for address in ("192.0.2.1", "nonsense"):
        with pytest.raises(ShareFailed, match=f"{address} is not an address of this machine"):
            asyncio.run(starting(address))


def test_a_port_that_others_may_open_alone_is_told() -> None:
    require(os.getuid() == 0, "root, to give its rights up")
    story = (
        "import asyncio, os\n"
        "from tests.onboarding.test_children import ShareFailed, starting\n"
        "'127.0.0.1'.encode('idna')  # what looking up loads, from where that user may not look\n"
        "os.setgid(12345); os.setuid(12345)\n"
        "try: asyncio.run(starting(port=80))\n"
        "except ShareFailed as told: print(told.message)\n"
    )
    lowest = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()
    require(int(lowest) > 80, "ports that are root's alone")
    told = subprocess.run(
        [sys.executable, "-c", story], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert told.stdout == "port 80 at 127.0.0.1 may not be opened by this user\n", told


def test_a_pair_that_is_none_is_told_and_nothing_is_left() -> None:
    async def story() -> None:
        before = open_files()
        (chain, _), (_, other) = a_pair(), a_pair()
        with pytest.raises(
            ShareFailed, match="the proof has ended: ValueError: the key and"
        ) as told:
            await starting(pair=(chain, other))
        assert "PRIVATE" not in told.value.message
        await asyncio.sleep(0.1)
        assert open_files() == before

    asyncio.run(story())


@pytest.mark.parametrize(("which", "name"), [(0, "page"), (1, "proof")])
def test_a_process_that_dies_is_told(which: int, name: str) -> None:
    async def story() -> None:
        async with await starting() as serving:
            os.kill(serving.pids[which], signal.SIGKILL)
            with pytest.raises(ShareFailed, match=f"that serves the {name} has ended"):
                async for _ in serving.events():
                    pass

    asyncio.run(story())


def test_a_process_that_was_taken_over_cannot_say_anything_to_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC).timestamp()
    arrived = {"at": now, "step": "arrived", "device": 1, "again": False}
    arrived |= {"kind": "mac", "browser": "safari"}
    slow = {"at": now, "step": "refused", "reason": "too-slow", "count": 1}
    told = (
        slow | {"reason": "\x1b[2J"},
        slow | {"at": 1e99},
        slow | {"at": now + 7200},
        slow | {"at": 253402300799},  # the last second that Python knows, in no other time zone
        slow | {"at": float("nan")},
        slow | {"count": True},
        slow | {"count": 10**18},
        arrived | {"device": "x"},
        arrived | {"device": 10**18},
        arrived | {"kind": "\x1b[2J"},
        [1],
    )
    lines = (*(json.dumps(each).encode() for each in told), b"x" * 100_000, b"\xff\xfe")

    async def story() -> None:
        async with await starting() as serving:
            with pytest.raises(ShareFailed, match="said what it never says") as told:
                async for _ in serving.events():
                    pass
            assert "\x1b" not in str(told.value)

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(children, "PACKAGE", "housekey_taken_over")
    for line in lines:
        for module in ("page_process", "proof_process"):
            write_process(tmp_path, module, [b'{"confined": []}', line])
        asyncio.run(story())


@pytest.mark.parametrize(("taken_over", "step"), [("page", "trusts"), ("proof", "arrived")])
def test_the_page_can_prove_nothing_and_the_proof_lets_nobody_arrive(
    taken_over: str, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever takes over the page, which parses more, makes nobody a device that trusts."""
    line = {"at": datetime.now(UTC).timestamp(), "step": step, "device": 1, "again": False}
    line |= {"kind": "mac", "browser": "safari"}

    async def story() -> None:
        async with await starting() as serving:
            with pytest.raises(ShareFailed, match=f"the {taken_over} said what it never says"):
                async for _ in serving.events():
                    pass

    for module in ("page", "proof"):
        says = [json.dumps(line).encode()] if module == taken_over else []
        write_process(tmp_path, f"{module}_process", [b'{"confined": []}', *says])
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(children, "PACKAGE", "housekey_taken_over")
    asyncio.run(story())


def write_process(folder: Path, module: str, says: list[bytes]) -> None:
    """Write a process that says these lines, instead of serving."""
    package = folder / "housekey_taken_over"
    package.mkdir(exist_ok=True)
    (package / "__init__.py").touch()
    said = b"".join(line + b"\n" for line in says)
    (package / f"{module}.py").write_text(
        "import sys\n"
        "sys.stdin.readline()\n"
        f"sys.stdout.buffer.write({said!r})\n"
        "sys.stdout.flush()\n"
        "sys.stdin.read()\n"
    )


# The end of the parent

PARENT = """
import asyncio, sys
from tests.onboarding.test_children import starting

async def story():
    serving = await starting()
    print(*serving.pids, flush=True)
    await asyncio.sleep(600)

asyncio.run(story())
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_processes_end_with_their_parent(how: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert parent.stdout is not None
    pids = [int(each) for each in parent.stdout.readline().split()]
    assert len(pids) == 2
    assert all(map(is_there, pids))
    parent.send_signal(how)
    parent.wait()
    parent.stdout.close()
    assert gone(pids)


def test_the_kernel_ends_them_even_when_they_cannot_notice() -> None:
    """They are stopped, so that they read nothing; PR_SET_PDEATHSIG outlives the change of user."""
    require(sys.platform.startswith("linux"), "Linux")
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pids = [int(each) for each in parent.stdout.readline().split()]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone(pids)


# A slow parent


def test_a_parent_that_does_not_read_makes_no_process_grow_and_loses_no_refusal() -> None:
    async def story() -> None:
        async with await starting() as serving:  # whose events nobody reads

            async def knock(number: int) -> None:
                source = f"127.0.1.{number % 200 + 1}"
                assert (await ask(serving.port, "/", source=source)).status == 200

            sizes = []
            for _ in range(4):
                for start in range(0, 3000, 50):
                    await asyncio.gather(*(knock(start + each) for each in range(50)))
                sizes.append(memory_kib(serving.pids[0]))
            # More were told than the queues hold; what did not fit is counted, not kept.
            assert sizes[-1] - sizes[1] < 0.05 * sizes[1], sizes
            met = [event async for event in drained(serving)]
            arrived = [event for event in met if event.step is Step.ARRIVED]
            dropped = sum(event.count for event in met if event.reason == "too-many")
            assert dropped > 0
            assert len(arrived) + dropped == 12_000

    asyncio.run(story())


def memory_kib(pid: int) -> int:
    """Return how much memory a process has of its own."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1])
    raise AssertionError(pid)


async def drained(serving: Serving):  # type: ignore[no-untyped-def]
    """Give all events until there is none for two seconds."""
    events = serving.events()
    while True:
        try:
            async with asyncio.timeout(2.5):
                yield await anext(events)
        except TimeoutError:
            return
