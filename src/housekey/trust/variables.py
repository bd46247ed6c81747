"""Programs without a store: Node, Python's ssl, requests. They are told by a line to set.

`SSL_CERT_FILE` and `REQUESTS_CA_BUNDLE` replace the whole list of roots. So they must lead to the
system's list, which the root is in by then, never to the root alone: nothing else on the internet
would be accepted any more. `NODE_EXTRA_CA_CERTS` adds to Node's own list.

Sources: Node's documentation of the command line; Python, `ssl.get_default_verify_paths`;
requests, "SSL Cert Verification".
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from housekey.errors import FileTrouble
from housekey.pki.encoding import to_der
from housekey.trust.anchors import AnchorStore
from housekey.trust.asking import ask_node, ask_python, ask_requests
from housekey.trust.pem import holds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cryptography.x509 import Certificate

    from housekey.trust.store import Machine, Proof, Server, Store

_MOST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """A variable to set for a program."""

    variable: str
    value: str
    reader: str  # which programs read it, for people
    # What this session has set it to, if that keeps the program from trusting the root.
    in_the_way: str = ""

    @property
    def export(self) -> str:
        """Return it as a shell takes it."""
        import shlex  # noqa: PLC0415 - only to be shown

        return f"export {self.variable}={shlex.quote(self.value)}"


def lines_for(machine: Machine, stores: Iterable[Store], root: Certificate) -> tuple[Line, ...]:
    """Return the lines to set, once the root is in the system's store; none before.

    On macOS and Windows there is no file that the system's list is in: Node can be told to read
    the store itself, and Python's ssl on Windows does so unasked.
    """
    if machine.system != "Linux":
        return (Line("NODE_USE_SYSTEM_CA", "1", "Node 22.19, 24.6 and later"),)
    for store in stores:
        if not isinstance(store, AnchorStore):
            continue
        bundle, anchor = store.bundle_with(root), store.anchor_of(root)
        if bundle is None:
            continue
        wanted = [
            ("SSL_CERT_FILE", bundle, "Python and other programs that bring their own OpenSSL"),
            ("REQUESTS_CA_BUNDLE", bundle, "Python's requests"),
        ]
        if anchor is not None:
            wanted.insert(0, ("NODE_EXTRA_CA_CERTS", anchor, "Node"))
        return tuple(
            Line(variable, str(path), reader, _in_the_way(machine, variable, root))
            for variable, path, reader in wanted
        )
    return ()


def prove_line(machine: Machine, line: Line, server: Server) -> Proof:
    """Let the program that reads the line connect to `server`, with it set."""
    ask: Callable[..., Proof] = _READERS[line.variable]
    return ask(machine, server, env={line.variable: line.value})


def _in_the_way(machine: Machine, variable: str, root: Certificate) -> str:
    """Return what `variable` is set to now, if that is a file that the root is not in."""
    value = machine.environ.get(variable, "")
    if not value:
        return ""
    try:
        data = machine.files.read(Path(value), most_bytes=_MOST_BYTES)
    except FileTrouble:
        return value
    return "" if holds(data, to_der(root)) else value


_READERS: dict[str, Callable[..., Proof]] = {
    "NODE_EXTRA_CA_CERTS": ask_node,
    "NODE_USE_SYSTEM_CA": ask_node,
    "SSL_CERT_FILE": ask_python,
    "REQUESTS_CA_BUNDLE": ask_requests,
}
