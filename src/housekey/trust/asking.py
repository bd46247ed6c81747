"""Programs that are asked whether they accept a server: curl, wget, Python, Node.

Each runs in a process of its own, in an environment that says nothing of whom to trust and knows
no proxy: what counts is what the store says.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from housekey.trust.acting import as_owner, owner_to_act_as
from housekey.trust.store import Proof

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from housekey.trust.store import Machine, Ran, Server

SECONDS = 15.0  # for a handshake with a server on this machine or in this house
_AND_TO_START = 15.0  # a program on a slow machine

# Exit codes: curl's man page; GNU wget's, "Exit Status".
# 51: before 7.62; 77: the system's list cannot be read, because a damaged file went into it.
_CURL_REFUSES = (51, 60, 77)
_WGET_REFUSES = 5
_WGET_ANSWERED = (0, 8)  # 8: the server sent an error, which is an answer


def which(machine: Machine, program: str) -> str | None:
    """Find a program, the system's own first: one that was brought along has its own list."""
    own = machine.at(f"/usr/bin/{program}")
    return str(own) if own.exists() else machine.which(program)


def ask_curl(
    machine: Machine, server: Server, *, program: str | None = None, options: Sequence[str] = ()
) -> Proof:
    """Let curl connect to `server`; `program`: another curl than the one that is found."""
    program = program or which(machine, "curl")
    if program is None:
        return Proof("curl", None, "there is no curl here")
    ran = machine.run(
        [
            *(program, "-q", "--silent", "--show-error", "--output", _nowhere(machine)),
            *("--noproxy", "*", "--max-time", f"{SECONDS:g}", *options, server.url),
        ],
        seconds=SECONDS + _AND_TO_START,
    )
    if ran.code == 0:
        return Proof("curl", accepts=True)
    return Proof("curl", accepts=False if ran.code in _CURL_REFUSES else None, said=_line(ran))


def ask_wget(machine: Machine, server: Server) -> Proof:
    """Let GNU wget connect to `server`. BusyBox's looks at no certificate, and is not asked."""
    program = which(machine, "wget")
    if program is None:
        return Proof("wget", None, "there is no wget here")
    if "GNU Wget" not in machine.run([program, "--version"], seconds=_AND_TO_START).out:
        return Proof("wget", None, "it is not GNU wget, and others do not look at certificates")
    ran = machine.run(
        [
            *(program, "--no-config", "--no-verbose", "--output-document", _nowhere(machine)),
            *("--no-hsts", "--no-proxy", "--tries=1", f"--timeout={SECONDS:g}", server.url),
        ],
        seconds=SECONDS + _AND_TO_START,
    )
    if ran.code in _WGET_ANSWERED:
        return Proof("wget", accepts=True)
    return Proof("wget", accepts=False if ran.code == _WGET_REFUSES else None, said=_line(ran))


# Ends with 0 and one line of JSON, always. `places`: where the store lies; a Python that looks
# elsewhere, because it brings its own OpenSSL, proves nothing about it.
_PYTHON = """
import json, os, socket, ssl, sys
host, port, seconds, places = json.loads(sys.argv[1])
paths = ssl.get_default_verify_paths()
read = {os.path.realpath(path) for path in (paths.openssl_cafile, paths.openssl_capath)}
if places and not read & {os.path.realpath(place) for place in places}:
    print(json.dumps([None, "it reads another list: " + paths.openssl_cafile]))
    sys.exit()
try:
    context = ssl.create_default_context()
    with socket.create_connection((host, port), seconds) as plain:
        with context.wrap_socket(plain, server_hostname=host):
            answer = [True, ""]
except ssl.SSLCertVerificationError as error:
    answer = [False, str(error)]
except (OSError, ValueError) as error:
    answer = [None, str(error)]
print(json.dumps(answer))
"""
_REQUESTS = """
import json, sys
url, seconds = json.loads(sys.argv[1])
try:
    import requests
except ImportError:
    print(json.dumps([None, "there is no requests in this Python"]))
    sys.exit()
try:
    requests.get(url, timeout=seconds)
    answer = [True, ""]
except requests.exceptions.SSLError as error:
    answer = [False, str(error)]
except (OSError, ValueError) as error:
    answer = [None, str(error)]
print(json.dumps(answer))
"""
_NODE = """
const [url, seconds] = JSON.parse(process.argv[1]);
const say = (...answer) => { console.log(JSON.stringify(answer)); process.exit(0); };
const asked = require("https").get(url, { timeout: seconds * 1000 }, () => say(true, ""));
asked.on("timeout", () => say(null, "it took too long"));
asked.on("error", (error) => {
  const network = /^(ECONN|ENOTFOUND|EAI_|EHOST|ENET|ETIMEDOUT)/.test(error.code || "");
  say(network ? null : false, error.message);
});
"""


def ask_python(
    machine: Machine,
    server: Server,
    *,
    places: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> Proof:
    """Let a fresh Python connect to `server` with its `ssl` as it is by default.

    `places`: the store's own files and folders; a Python that reads none of them is not asked.
    """
    given = [server.host, server.port, SECONDS, list(places)]
    return _scripted(machine, "Python", ("python3", "-I", "-c", _PYTHON), given, env)


def ask_requests(machine: Machine, server: Server, *, env: Mapping[str, str]) -> Proof:
    """Let Python's requests connect to `server`, where it is installed."""
    given = [server.url, SECONDS]
    # The user's own Python, and not -I: requests may be installed for the user alone.
    command = ("python3", "-c", _REQUESTS)
    return _scripted(machine, "requests", command, given, env, users_own=True)


def ask_node(machine: Machine, server: Server, *, env: Mapping[str, str]) -> Proof:
    """Let Node connect to `server`."""
    command = ("node", "-e", _NODE)
    return _scripted(machine, "Node", command, [server.url, SECONDS], env, users_own=True)


def _scripted(
    machine: Machine,
    name: str,
    command: Sequence[str],
    given: object,
    env: Mapping[str, str] | None,
    *,
    users_own: bool = False,
) -> Proof:
    program = machine.which(command[0]) if users_own else which(machine, command[0])
    if program is None:
        return Proof(name, None, f"there is no {command[0]} here")
    # What lies in a user's home, such as a package of Python, is not run as root.
    owner = owner_to_act_as(machine, machine.home) if users_own else None
    asked = as_owner(owner, [program, *command[1:], json.dumps(given)])
    ran = machine.run(asked, env=env, seconds=SECONDS + _AND_TO_START)
    try:
        accepts, said = json.loads(ran.out)
    except ValueError:  # it did not start, or did not end
        return Proof(name, None, _line(ran))
    return Proof(name, accepts if isinstance(accepts, bool) else None, str(said))


def _nowhere(machine: Machine) -> str:
    return "NUL" if machine.system == "Windows" else "/dev/null"


def _line(ran: Ran) -> str:
    """Return the last thing that a program said, or how it ended."""
    lines = [line.strip() for line in (ran.err or ran.out).splitlines() if line.strip()]
    return lines[0] if lines else f"it ended with exit code {ran.code}"
