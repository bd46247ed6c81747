"""Real programs fail at real servers, and what they say is understood.

a program ──(its own list, or the root)──> a server in which one thing is wrong
"""

from __future__ import annotations

import ssl
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from demo.api import wait_for
from housekey.homeassistant import messages as home_assistant
from housekey.platforms.messages.catalogue import MESSAGES
from housekey.platforms.messages.explain import explain
from tests.platforms.messages import programs
from tests.platforms.messages.servers import HOST, Server, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housekey.platforms.messages.model import Explanation

_CATALOGUE = (*home_assistant.MESSAGES, *MESSAGES)

# The server, and what each program's words must be understood as. The programs differ because
# they look at different things first: Python and curl speak through OpenSSL, Go and Java do not
# tell a self-signed certificate from any other unknown one.
_OPENSSL = ("python", "curl", "openssl", "node")
_UNTRUSTED = {  # with the program's own list of roots
    "good": {
        **dict.fromkeys(("python", "curl", "openssl", "node", "go", "java", "uv"), "untrusted"),
        "wget": "untrusted",
        "git": "unverified",
        "gnutls-cli": "untrusted",
    },
    "self-signed": {
        **dict.fromkeys(_OPENSSL, "self-signed"),
        **dict.fromkeys(("go", "java", "uv"), "untrusted"),
    },
    "with root": dict.fromkeys(_OPENSSL, "root-sent"),
}
_WITH_ROOT = {
    "alone": {
        **dict.fromkeys(("python", "curl", "openssl", "go", "java", "uv"), "untrusted"),
        "node": "chain",
    },
    "ended": {
        **dict.fromkeys(("python", "curl", "openssl", "node", "uv", "gnutls-cli"), "ended"),
        "wget": "ended",
        "java": "ended",
        "go": "dates",
    },
    "future": {
        **dict.fromkeys(("python", "curl", "openssl", "node", "uv", "gnutls-cli"), "not-yet"),
        "wget": "not-yet",
        "java": "not-yet",
        "go": "dates",
    },
    "other name": dict.fromkeys(
        ("python", "curl", "openssl", "node", "go", "java", "uv", "gnutls-cli", "wget"), "name"
    ),
    "wrong use": dict.fromkeys(
        ("python", "curl", "openssl", "node", "go", "java", "uv", "gnutls-cli"), "wrong-use"
    ),
    "outside": dict.fromkeys(
        ("python", "curl", "openssl", "node", "go", "java", "uv", "gnutls-cli"), "constrained"
    ),
    "ca": {"uv": "ca-as-leaf", "java": "key-usage", "gnutls-cli": "key-usage"},
    "plain": dict.fromkeys(
        ("python", "curl", "openssl", "node", "go", "java", "uv", "gnutls-cli", "wget", "git"),
        "tls-to-plain",
    ),
    "asks": dict.fromkeys(("node", "go", "uv"), "client-certificate"),
    "newest": {"curl with TLS 1.2": "version"},
}
_CASES = [
    pytest.param((server, program, trusting), matter, id=f"{server}, {program}{note}")
    for cases, trusting, note in ((_UNTRUSTED, False, ", own list"), (_WITH_ROOT, True, ""))
    for server, expected in cases.items()
    for program, matter in expected.items()
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World.made(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def servers(world: World) -> Iterator[dict[str, Server]]:
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(Server(context)) for name, context in world.contexts.items()
        }


def first(text: str) -> Explanation:
    explanations = explain(text, _CATALOGUE)
    assert explanations, f"not understood:\n{text}"
    return explanations[0]


@pytest.mark.parametrize(("case", "matter"), _CASES)
def test_what_a_program_says_is_understood(
    case: tuple[str, str, bool], matter: str, servers: dict[str, Server], world: World
) -> None:
    server, program, trusting = case
    url = f"https://{HOST}:{servers[server].port}/"
    root = world.root_file if trusting else None
    said = programs.ALL[program](url, root, world.folder)
    told = first(said)
    assert told.matter.id == matter, said
    if matter == "name" and program not in ("openssl", "gnutls-cli"):
        assert told.values["host"] == HOST, said


@pytest.mark.parametrize("program", [each for each in programs.ALL if each != "python strict"])
def test_nothing_is_explained_when_all_is_well(
    program: str, servers: dict[str, Server], world: World
) -> None:
    url = f"https://{HOST}:{servers['good'].port}/"
    said = programs.ALL[program](url, world.root_file, world.folder)
    assert explain(said, _CATALOGUE) == (), said


@pytest.mark.parametrize("program", ["curl", "node", "go", "java"])
def test_plain_http_to_a_port_that_speaks_tls_is_understood(
    program: str, servers: dict[str, Server], world: World
) -> None:
    said = programs.ALL[program](f"http://{HOST}:{servers['good'].port}/", None, world.folder)
    if said:  # Node and Java only see a connection that breaks, which is no message of theirs
        told = explain(said, _CATALOGUE)
        assert not told or told[0].matter.id in ("plain-to-tls", "no-answer"), said


def test_what_the_server_hears_from_a_client_that_does_not_trust_it(world: World) -> None:
    for program, server in (("python", "good"), ("curl", "good"), ("go", "good")):
        with Server(world.contexts[server]) as heard:
            programs.ALL[program](f"https://{HOST}:{heard.port}/", None, world.folder)
            assert wait_for(lambda: bool(heard.errors), timeout=10)
        assert [first(error).matter.id for error in heard.errors] == ["client-refuses"], program


def test_the_root_of_an_old_guide_is_explained_to_those_with_python_313(
    servers: dict[str, Server], world: World
) -> None:
    url = f"https://{HOST}:{servers['old'].port}/"
    assert "404" in programs.python(url, world.old_root_file, world.folder)
    said = programs.python_strict(url, world.old_root_file, world.folder)
    assert first(said).matter.id == "strict", said


@pytest.mark.parametrize(
    ("certificate", "key", "matter"),
    [
        ("good", "self-signed", "key-mismatch"),
        ("nonsense", "good", "not-pem"),
        ("good", "nonsense", "not-pem"),
    ],
)
def test_files_that_cannot_be_used_are_explained(
    certificate: str, key: str, matter: str, world: World, servers: dict[str, Server]
) -> None:
    (world.folder / "nonsense.pem").write_text("nothing that a certificate could be")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with pytest.raises(ssl.SSLError) as refused:
        context.load_cert_chain(world.folder / f"{certificate}.pem", world.folder / f"{key}.pem")
    assert first(str(refused.value)).matter.id == matter
    # As Home Assistant wraps it.
    wrapped = f"Could not use SSL certificate from /ssl/a.pem: {refused.value}"
    told = first(wrapped)
    assert told.matter.id == matter
    assert told.values["path"] == "/ssl/a.pem"


def test_a_file_of_roots_that_is_not_there_is_explained(
    servers: dict[str, Server], world: World
) -> None:
    missing = world.folder / "missing.pem"
    for program in ("curl", "node"):
        url = f"https://{HOST}:{servers['good'].port}/"
        said = programs.ALL[program](url, missing, world.folder)
        told = first(said)
        assert told.matter.id == "ca-file", said
        assert told.values["path"] == str(missing)


def test_an_address_where_nothing_listens_is_explained(world: World) -> None:
    assert first(programs.curl("https://localhost:1/", None, world.folder)).matter.id == "refused"
    unknown = programs.curl("https://nobody.invalid/", None, world.folder)
    assert first(unknown).matter.id == "no-such-name"
