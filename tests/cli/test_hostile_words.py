"""Words of strangers in a terminal: a root's name, and what answers instead of a page."""

from __future__ import annotations

import contextlib
import socket
import threading
import unicodedata
from typing import TYPE_CHECKING

import pytest

from housekey.pki.encoding import certificate_to_pem, fingerprint
from tests.trust.pages import about, onboarding_page
from tests.trust.roots import Forged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Person
    from tests.command import Done

# To clear the screen, by both ways to write it; to colour; to turn the text round; a second line.
HOSTILE = "Home\x1b[2J\x9b2J\x1b[8m\u202eemoH\u2066\nerror: none"
STATUS_LINE = b"HTTP/1.1 \x1b[2J\x1b]0;owned\x07 nothing\r\n\r\n"


def obeyed(done: Done) -> set[str]:
    """What a terminal would obey instead of showing it."""
    said = done.out + done.err
    return {each for each in said if each != "\n" and unicodedata.category(each) in ("Cc", "Cf")}


@contextlib.contextmanager
def answering(said: bytes) -> Iterator[str]:
    """Answer every connection with `said`; yields the address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(4096)
                        connection.sendall(said)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("more", [(), ("--unconstrained",)], ids=["refused", "taken"])
def test_the_name_of_a_root_moves_no_cursor_and_turns_no_text(
    more: tuple[str, ...], person: Person, tmp_path: Path
) -> None:
    root = Forged(name=HOSTILE).certificate()
    file = tmp_path / "root.pem"
    file.write_bytes(certificate_to_pem(root))
    asked = ("trust", "--dry-run", "--store", "variables", *more)
    done = person.run(*asked, "--root", file)
    assert done.code == (0 if more else 3), done
    assert "Home" in done.out
    assert obeyed(done) == set()
    assert "\nerror: none" not in done.out
    with onboarding_page(file.read_bytes(), about(sha256=fingerprint(root))) as url:
        done = person.run(*asked, "--from", url)
    assert "Home" in done.out
    assert obeyed(done) == set()


def test_what_answers_instead_of_a_page_moves_no_cursor(person: Person) -> None:
    with answering(STATUS_LINE) as url:
        done = person.run("trust", "--dry-run", "--from", url)
    assert done.code == 3, done
    assert obeyed(done) == set()
    assert len(done.err.splitlines()) == 2
