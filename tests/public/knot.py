"""A real authoritative DNS server on loopback: Debian's knotd, changed by RFC 2136 with a TSIG key.

    with Knot(zones=["home.test"]) as dns:
        dns.address, dns.credentials        # for lexicon's provider `ddns`
        dns.lookup("_acme-challenge.home.test")

It listens on port 53 of an address of its own below 127.53.0.0/16, because lexicon's provider knows
no other port, nor does a resolver that follows an NS record. So it takes root, and no fixed
port of this machine. As a resolver it is enough for what it serves (a CNAME it follows within its
own zone alone), and refuses everything else.

Each of `secondaries` is a knotd of its own, at an address of its own and in the zones' NS records.
They are told of changes, unless they `lag`: then they show one only after `catch_up()`.
"""

from __future__ import annotations

import base64
import errno
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import dns.exception
import dns.message
import dns.query
import dns.rdatatype

from tests.needs import require

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PORT = 53
SECONDS = 60.0  # within which a server starts, stops, or shows a change; usually a tenth of one
_KEY = "housekey"
_ALGORITHM = "hmac-sha256"
# What runs with another /etc/resolv.conf, in a mount namespace of its own.
_ENTER = 'mount --bind "$1" /etc/resolv.conf; shift; exec "$@"'


class Knot:
    """One primary server and its secondaries; ends with the `with` block, or with this process.

    `zones`: their names; or what else is in each, as lines of a zone file relative to the zone
    (`{"home.test": "_acme-challenge CNAME elsewhere.test."}`). `ipv6`: the primary is also reached
    at ::1, and says so; there and at its own address on `ipv6_port`, since port 53 of ::1 is
    one for the whole machine.
    """

    port = PORT

    def __init__(
        self,
        *,
        zones: Sequence[str] | Mapping[str, str],
        secondaries: int = 0,
        lag: bool = False,
        ipv6: bool = False,
    ) -> None:
        require(bool(shutil.which("knotd") and shutil.which("knotc")), "knotd (Debian: knot)")
        require(bool(shutil.which("setpriv")), "setpriv")
        self.zones = dict(zones) if hasattr(zones, "keys") else dict.fromkeys(zones, "")
        self._lag = lag
        self.ipv6_port = _free_port() if ipv6 else None
        self._folder = Path()
        self._secret = base64.b64encode(secrets.token_bytes(32)).decode()
        self._servers = [_Server() for _ in range(1 + secondaries)]

    @property
    def address(self) -> str:
        """Of the primary: changes go here, and it is asked as a resolver."""
        return self._servers[0].address

    @property
    def addresses(self) -> tuple[str, ...]:
        """Of all, the primary first: as the zones' NS records tell them."""
        return tuple(each.address for each in self._servers)

    @property
    def credentials(self) -> dict[str, str]:
        """What lexicon's provider `ddns` needs, by the names of its options."""
        return {"auth_token": f"{_ALGORITHM}:{_KEY}:{self._secret}", "ddns_server": self.address}

    @property
    def wrong_credentials(self) -> dict[str, str]:
        """The same with another secret: the server finds the signature wrong."""
        other = base64.b64encode(secrets.token_bytes(32)).decode()
        return {**self.credentials, "auth_token": f"{_ALGORITHM}:{_KEY}:{other}"}

    @property
    def unpermitted_credentials(self) -> dict[str, str]:
        """A key that the server knows, and that may change nothing."""
        return {**self.credentials, "auth_token": f"{_ALGORITHM}:onlooker:{self._secret}"}

    @property
    def resolv_conf(self) -> Path:
        """A file like /etc/resolv.conf that makes the primary this system's resolver."""
        return self._folder / "resolv.conf"

    def seen_by(self, *command: str | Path) -> list[str]:
        """Return what runs `command` with the primary as the system's resolver."""
        return asking(self.resolv_conf, *command)

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="housekey-knot-"))
        try:
            for number, server in enumerate(self._servers):
                server.folder = self._folder / str(number)
                server.folder.mkdir()
                server.address = free_address()
            self.resolv_conf.write_text(f"nameserver {self.address}\noptions timeout:2\n")
            for zone, more in self.zones.items():
                (self._servers[0].folder / f"{zone}.zone").write_text(self._zone(zone, more))
            for server in self._servers:
                (server.folder / "knot.conf").write_text(self._configuration(server))
                server.start()
                # One after the other: a secondary that finds no primary tries again much later.
                self._wait_for_zones(server)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def lookup(self, name: str, kind: str = "TXT", *, server: int = 0) -> tuple[str, ...]:
        """What one of the servers shows of `name`, sorted; TXT without its quotes."""
        answer = self._ask(self._servers[server], name, kind)
        found = [
            b"".join(rdata.strings).decode() if kind == "TXT" else rdata.to_text()
            for rrset in answer.answer
            if rrset.rdtype == dns.rdatatype.from_text(kind)
            for rdata in rrset
        ]
        return tuple(sorted(found))

    def catch_up(self) -> None:
        """Let the secondaries fetch what they lack, and wait until they show it."""
        for server in self._servers[1:]:
            server.control("zone-refresh")
        for server in self._servers[1:]:
            _until(lambda server=server: self._serials(server) == self._serials())  # type: ignore[misc]

    def freeze(self, zone: str) -> None:
        """Refuse changes of the zone from now on, whoever asks."""
        self._servers[0].control("zone-freeze", zone)

    def replace_servers(self, zone: str, servers: Mapping[str, str]) -> None:
        """Let the zone name other servers, by address, than those that serve it."""
        old = range(1, 1 + len(self._servers))
        changes = [f"zone-unset {zone} @ NS ns{number}.{zone}." for number in old]
        for name, address in servers.items():
            changes += [f"zone-set {zone} {name} 5 A {address}", f"zone-set {zone} @ 5 NS {name}"]
        self._change(zone, changes)

    def set_alias(self, name: str, target: str) -> None:
        """Let a name of one of the zones be an alias."""
        zone = next(each for each in self.zones if name.endswith(f".{each}"))
        self._change(zone, [f"zone-set {zone} {name}. 5 CNAME {target}."])

    def set_address(self, name: str, address: str) -> None:
        """Give a name of one of the zones an address, whatever it had before."""
        zone = next(each for each in self.zones if name == each or name.endswith(f".{each}"))
        changes = [f"zone-set {zone} {name}. 5 {'AAAA' if ':' in address else 'A'} {address}"]
        if self.lookup(name, "AAAA" if ":" in address else "A"):
            changes.insert(0, f"zone-unset {zone} {name}. {'AAAA' if ':' in address else 'A'}")
        self._change(zone, changes)

    def silence(self, server: int = 0) -> None:
        """Let one of the servers answer nothing any more; its ports stay open."""
        self._servers[server].signal(signal.SIGSTOP)

    def wake(self, server: int = 0) -> None:
        """Let it answer again."""
        self._servers[server].signal(signal.SIGCONT)

    def stop(self, server: int = 0) -> None:
        """End one of the servers: its ports are closed."""
        self._servers[server].kill()

    def log(self, server: int = 0) -> str:
        """What one of the servers told."""
        return (self._servers[server].folder / "log").read_text()

    def _change(self, zone: str, changes: Sequence[str]) -> None:
        control = self._servers[0].control
        control("zone-begin", zone)
        for change in changes:
            control(*change.split())
        control("zone-commit", zone)

    def _serials(self, server: _Server | None = None) -> list[int]:
        return [self._serial(server or self._servers[0], zone) for zone in self.zones]

    def _serial(self, server: _Server, zone: str, seconds: float = SECONDS) -> int:
        answer = self._ask(server, zone, "SOA", seconds).answer
        return int(answer[0][0].serial) if answer else -1

    def _ask(
        self, server: _Server, name: str, kind: str, seconds: float = SECONDS
    ) -> dns.message.Message:
        question = dns.message.make_query(name, kind)
        answer, _ = dns.query.udp_with_fallback(
            question, server.address, port=PORT, timeout=seconds, ignore_unexpected=True
        )
        return answer

    def _wait_for_zones(self, server: _Server) -> None:
        def serves() -> bool:
            assert server.runs(), (server.folder / "log").read_text()
            try:
                # It drops what arrives while it starts.
                return all(self._serial(server, zone, 0.05) > 0 for zone in self.zones)
            except (OSError, dns.exception.DNSException):
                return False

        _until(serves)

    def _zone(self, zone: str, more: str) -> str:
        lines = [
            "$TTL 5",
            f"$ORIGIN {zone}.",
            # That there is no record resolvers may remember for ten minutes.
            "@ 600 SOA ns1 hostmaster 1 3600 600 86400 600",
        ]
        for number, address in enumerate(self.addresses, start=1):
            lines += [f"@ NS ns{number}", f"ns{number} A {address}"]
        if self.ipv6_port:
            lines += ["ns1 AAAA ::1"]
        return "\n".join([*lines, more, ""])

    def _configuration(self, server: _Server) -> str:
        primary = server is self._servers[0]
        listen = [f"{server.address}@{PORT}"]
        if primary and self.ipv6_port:
            listen += [f"{server.address}@{self.ipv6_port}", f"::1@{self.ipv6_port}"]
        lines = [
            "server:",
            f"  listen: [{', '.join(listen)}]",
            f"  rundir: {server.folder}",
            "  udp-workers: 1",
            "  tcp-workers: 1",
            "  background-workers: 1",
            "log:",
            "- target: stderr",
            "  any: info",
            "database:",
            f"  storage: {server.folder}",
            "  journal-db-max-size: 32M",
            "  kasp-db-max-size: 16M",
            "  timer-db-max-size: 16M",
            "  catalog-db-max-size: 16M",
            "key:",
        ]
        for key in (_KEY, "onlooker"):
            lines += [f"- id: {key}", f"  algorithm: {_ALGORITHM}", f"  secret: {self._secret}"]
        others = self._servers[1:] if primary else self._servers[:1]
        if others:
            lines += ["remote:"]
            for other in others:
                lines += [f"- id: at-{other.address}", f"  address: {other.address}@{PORT}"]
        lines += ["acl:"]
        lines += ["- id: update", f"  key: {_KEY}", "  action: [update, transfer]"]
        lines += ["- id: fetch", "  address: 127.0.0.0/8", "  action: [transfer, notify]"]
        named = ", ".join(f"at-{other.address}" for other in others)
        lines += ["zone:"]
        for zone in self.zones:
            lines += [
                f"- domain: {zone}",
                f"  storage: {server.folder}",
                f"  file: {zone}.zone",
                "  acl: [update, fetch]",
                "  zonefile-sync: -1",
                "  journal-content: all" if not primary else "  journal-content: changes",
            ]
            if not primary:
                lines += [f"  master: [{named}]"]
            elif named and not self._lag:
                lines += [f"  notify: [{named}]"]
        return "\n".join([*lines, ""])


class _Server:
    """One knotd."""

    def __init__(self) -> None:
        self.folder = Path()
        self.address = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                # Ends with us, also when we are killed.
                ["setpriv", "--pdeathsig", "KILL", "--", "knotd", *self._where()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def control(self, *order: str) -> None:
        subprocess.run(
            ["knotc", *self._where(), *order], check=True, capture_output=True, timeout=SECONDS
        )

    def _where(self) -> list[str]:
        return ["-c", str(self.folder / "knot.conf"), "-s", str(self.folder / "knot.sock")]


def asking(resolv_conf: Path, *command: str | Path) -> list[str]:
    """Return what runs `command` with another /etc/resolv.conf than this machine's."""
    enter = ("unshare", "--mount", "--propagation", "private", "--", "/bin/sh", "-euc", _ENTER)
    return [*enter, "sh", str(resolv_conf), *(str(part) for part in command)]


def free_address() -> str:
    """An address on which nobody listens; one of 65,000 by chance, so that nobody else takes it."""
    while True:
        address = f"127.53.{random.randrange(256)}.{random.randrange(1, 255)}"
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind((address, PORT))
        except PermissionError:
            require(False, "port 53 of a loopback address takes root")
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return address


def _free_port() -> int:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::1", 0))
        return int(probe.getsockname()[1])


def _until(so: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not so():
        assert time.monotonic() < end, "it did not come to be so"
        time.sleep(0.02)
