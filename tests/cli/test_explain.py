"""`housekey explain` on the command line: a text, a pipe, a terminal, JSON and exit codes."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.command import COMMAND, Done, environment, housekey
from tests.terminal import Terminal

_ERROR = "curl: (60) SSL: no alternative certificate subject name matches target host name 'ha.lan'"


def piped(text: bytes, *arguments: str) -> Done:
    ended = subprocess.run(
        [*COMMAND, "explain", *arguments],
        input=text,
        env=environment(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    return Done(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def test_an_error_is_told_with_its_cause_and_what_mends_it() -> None:
    done = housekey("explain", _ERROR)
    assert (done.code, done.err) == (0, ""), done
    labels = [line[2:12].strip() for line in done.out.splitlines() if line[2:12].strip()]
    assert labels == ["says", "means", "why", "next", "source"]
    assert "is not in the certificate" in done.out
    assert "housekey secure --name ha.lan" in done.out
    assert "`" not in done.out


@pytest.mark.parametrize(
    "arguments",
    [["-1202"], ["--", "-1202"], ["NSURLErrorDomain", "Code=-1202"], ["--json", "-1202"]],
    ids=" ".join,
)
def test_a_number_is_a_text_and_no_option(arguments: list[str]) -> None:
    done = housekey("explain", *arguments)
    assert (done.code, done.err) == (0, ""), done
    assert "does not trust" in done.out


def test_json_holds_all_that_is_told() -> None:
    done = housekey("explain", "--json", _ERROR)
    assert (done.code, done.err) == (0, "")
    (told,) = done.json["explanations"]
    assert told["matter"] == "name"
    assert told["values"] == {"host": "ha.lan"}
    assert told["causes"]
    assert (
        "housekey check ha.lan: which certificate is presented, and who accepts it"
        in (told["steps"])
    )
    assert told["seen"] == [
        {
            "message": "curl-no-name",
            "by": "curl",
            "platform": "openssl",
            "text": _ERROR,
            "line": 1,
            "count": 1,
            "source": "measured: curl 7.88 and wget 1.21",
            "rules": ["OSL-07"],
        }
    ]


def test_a_log_is_read_from_standard_input_with_lines_and_counts() -> None:
    log = b"all is well\n" * 4 + b"2026 \xff ERROR [x] ERR_CERT_DATE_INVALID\n" * 2
    done = piped(log)
    assert (done.code, done.err) == (0, ""), done
    assert "line 5, 2 times" in done.out


def test_what_is_not_known_is_said_honestly_with_exit_code_1() -> None:
    done = housekey("explain", "the moon is full")
    assert (done.code, done.err) == (1, ""), done
    assert "housekey knows no message in that line" in done.out
    assert "housekey check ADDRESS" in done.out
    done = piped(b"one\ntwo\n", "--json")
    assert (done.code, done.json) == (1, {"lines": 2, "explanations": []})


def test_no_text_is_a_wrong_call() -> None:
    for done in (piped(b""), housekey("explain"), housekey("explain", " ")):
        assert done.code == 2, done
        assert done.err.splitlines()[0] == "error: there is no text to explain"
    with Terminal([*COMMAND, "explain"], env=environment(TERM="xterm")) as terminal:
        assert terminal.wait() == 2


def test_what_housekey_says_itself_explains_nothing() -> None:
    outputs = [housekey("--help"), housekey("explain", "--help"), housekey("secure", "--help")]
    outputs.append(housekey("explain", "the moon is full"))
    outputs.append(housekey("status", "--house", "/nonexistent"))
    for done in outputs:
        text = (done.out + done.err).replace("ERR_CERT_DATE_INVALID", "")
        if "Usage: housekey explain" in text:
            text = text.partition("Examples:")[0].replace("-1202", "")
        assert piped(text.encode()).code == 1, text


def test_a_long_log_takes_little_memory() -> None:
    """50 MB through a pipe, one line of it 20 MB long; the process gets 400 MB of addresses,
    of which Python and its libraries take most."""
    script = (
        "import resource, runpy, sys;"
        "resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20));"
        "sys.argv = ['housekey', 'explain', '--json'];"
        "runpy.run_module('housekey', run_name='__main__')"
    )
    command = [COMMAND[0], "-c", script]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        line = b"2026-11-24 10:00:00.000 INFO (MainThread) [x] an ordinary line of a log\n" * 1000
        for _ in range(100):
            process.stdin.write(line)
        for _ in range(20):
            process.stdin.write(b"y" * (1 << 20))
        process.stdin.write(b"\nERR_CERT_DATE_INVALID\n")
        process.stdin.close()
        document = json.loads(process.stdout.read())
        assert process.wait() == 0
    assert document["lines"] == 100_002
    assert document["explanations"][0]["seen"][0]["line"] == 100_002
