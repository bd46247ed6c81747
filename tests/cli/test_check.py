"""`housekey check` on files and on real servers of this machine."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from housekey.pki.encoding import certificate_to_pem, chain_to_pem, fingerprint, to_der
from housekey.pki.issuing import issue_leaf
from housekey.pki.keys import KeyType, PrivateKey
from housekey.platforms.model import Platform
from tests.command import COMMAND, environment
from tests.live.servers import Pair, both, by_name, context_of, serving, tls
from tests.live.test_survey import has_ipv6
from tests.needs import require
from tests.pki.houses import NOW, a_house, names
from tests.platforms.making import a_chain, a_self_signed
from tests.terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Person
    from tests.command import Done

HOUSE = a_house()
ISSUING = HOUSE.issuing.certificate
FINDING = {"rule", "severity", "message", "fix", "source"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    file = tmp_path / "root.pem"
    file.write_bytes(certificate_to_pem(HOUSE.root.certificate))
    return file


def written(folder: Path, name: str, *ders: bytes) -> Path:
    file = folder / name
    file.write_bytes(chain_to_pem(map(x509.load_der_x509_certificate, ders)))
    return file


def verdicts(document: dict[str, Any], platform: str) -> dict[str, bool | None]:
    return {v["name"]: v["accepts"] for v in document["verdicts"] if v["platform"] == platform}


def lines(done: Done, pattern: str) -> list[str]:
    return [line for line in done.out.splitlines() if re.fullmatch(pattern, line)]


def rules(document: dict[str, Any]) -> list[str]:
    return [each["rule"] for each in document["findings"]]


# Files


def test_a_sound_chain_of_the_house_is_accepted_by_every_platform(person: Person) -> None:
    assert person.run("cert", "new", "ha.lan", "nas.lan", "--yes").code == 0
    file = person.house / "leaves" / "ha.lan" / "certificate.pem"
    done = person.run("check", file, "--json")
    assert (done.code, done.err) == (0, ""), done
    told = done.json
    assert told["accepted"] is True
    assert told["names"] == ["ha.lan", "nas.lan"]
    assert len(told["verdicts"]) == 2 * len(Platform)
    assert not [v for v in told["verdicts"] if v["accepts"] is False]
    assert told["root"]["whose"] == f"of the house in {person.house}"
    assert len(told["chain"]) == 2
    assert not [f for v in told["verdicts"] for f in v["findings"] if f["severity"] == "error"]


def test_the_document_has_the_shape_that_was_promised(person: Person) -> None:
    made = a_chain(leaf={"aki": None})
    file = written(person.folder, "chain.pem", *made.sent)
    assert made.root is not None
    anchor = written(person.folder, "anchor.pem", made.root)
    at = "2026-12-24T00:00:00+00:00"
    done = person.run("check", file, "--root", anchor, "--at", "2026-12-24T00:00Z", "--json")
    told = done.json
    assert {"target", "at", "names", "chain", "verdicts"} <= set(told)
    assert (told["target"], told["at"]) == (str(file), at)
    leaf = made.made[0].certificate
    assert told["chain"][0] == {
        "subject": leaf.subject.rfc4514_string(),
        "issuer": leaf.issuer.rfc4514_string(),
        "sha256": fingerprint(leaf),
        "not_before": leaf.not_valid_before_utc.isoformat(),
        "not_after": leaf.not_valid_after_utc.isoformat(),
        "names": ["ha.lan", "192.168.1.20"],
        "key": "ECDSA P-256",
    }
    for verdict in told["verdicts"]:
        assert {"platform", "name", "accepts", "findings"} <= set(verdict)
        assert verdict["accepts"] in (True, False, None)
        assert all(set(each) == FINDING for each in verdict["findings"])
    assert [v["platform"] for v in told["verdicts"][: len(Platform)]] == list(Platform)
    assert verdicts(told, "python") == {"ha.lan": False, "192.168.1.20": False}
    assert verdicts(told, "openssl") == {"ha.lan": True, "192.168.1.20": True}
    (rejection,) = (v for v in told["verdicts"][: len(Platform)] if v["platform"] == "python")
    assert rejection["error"] == "Missing Authority Key Identifier"
    assert "PY-01" in [each["rule"] for each in rejection["findings"]]
    assert done.code == 1


def test_a_rejection_says_what_the_platform_shows_and_why_and_what_to_do(person: Person) -> None:
    made = a_chain(leaf={"aki": None})
    assert made.root is not None
    file = written(person.folder, "chain.pem", *made.sent)
    anchor = written(person.folder, "anchor.pem", made.root)
    done = person.run("check", file, "--root", anchor, "--platform", "python")
    assert (done.code, done.err) == (1, ""), done
    assert re.search(
        r"^  rejected  python +Missing Authority Key Identifier$", done.out, re.MULTILINE
    )
    assert re.search(r"^ +the leaf has no AKI", done.out, re.MULTILINE)
    assert re.search(r"^ +fix +\S", done.out, re.MULTILINE)
    assert re.search(r"^ +source +PY-01: OpenSSL ", done.out, re.MULTILINE)


def test_what_hits_every_platform_is_told_once_on_top(person: Person) -> None:
    made = a_chain(leaf={"begin": NOW.replace(year=2020), "end": NOW.replace(year=2021)})
    assert made.root is not None
    file = written(person.folder, "chain.pem", *made.sent)
    anchor = written(person.folder, "anchor.pem", made.root)
    arguments: list[str | Path] = [
        file,
        "--root",
        anchor,
        "--platform",
        "openssl",
        "--platform",
        "go",
    ]
    done = person.run("check", *arguments, "--name", "ha.lan")
    assert done.code == 1
    assert done.out.count("the leaf ended on") == 1
    assert done.out.index("the leaf ended on") < done.out.index("rejected")
    for platform in ("openssl", "go"):
        assert len(lines(done, rf"  rejected  {platform} .*")) == 1


def test_every_platform_has_one_line(person: Person, root: Path) -> None:
    leaf = issue_leaf(
        public_key=PrivateKey.generate(KeyType.ECDSA_P256).public_key,
        names=names("ha.lan", "nas.lan"),
        issuer=HOUSE.issuing,
        now=NOW,
    )
    file = written(person.folder, "chain.pem", to_der(leaf), to_der(ISSUING))
    done = person.run("check", file, "--root", root)
    for platform in Platform:
        assert len(lines(done, rf"  (?:accepted|unknown ) +{platform}(?: \*)?")) == 1
    assert done.out.rstrip().endswith("no engine of it runs on Linux")


def test_der_is_read_as_pem_is(person: Person, root: Path) -> None:
    made = a_self_signed()
    file = person.folder / "leaf.der"
    file.write_bytes(made.sent[0])
    told = person.run("check", file, "--json").json
    assert told["root"]["whose"] == "the leaf itself"
    assert told["root"]["sha256"] == told["chain"][0]["sha256"]


def test_without_a_house_and_a_root_nothing_is_trusted(person: Person) -> None:
    file = written(person.folder, "chain.pem", *a_chain().sent)
    done = person.run("check", file, "--json")
    assert done.code == 1
    assert done.json["root"] is None
    assert not [v for v in done.json["verdicts"] if v["accepts"]]


def test_a_root_that_is_sent_along_is_taken_for_the_root_where_no_other_is_known(
    person: Person,
) -> None:
    made = a_chain()
    assert made.root is not None
    file = written(person.folder, "chain.pem", *made.sent, made.root)
    done = person.run("check", file, "--json", "--platform", "openssl")
    assert done.json["root"]["whose"] == "as it is sent"
    assert done.code == 0


def test_the_time_can_be_another(person: Person, root: Path) -> None:
    made = a_chain()
    assert made.root is not None
    file = written(person.folder, "chain.pem", *made.sent)
    anchor = written(person.folder, "anchor.pem", made.root)
    for at, code in (("2099-01-31", 1), (datetime.now(UTC).isoformat(), 0)):
        arguments = ("check", file, "--root", anchor, "--at", at, "--platform", "go")
        assert person.run(*arguments).code == code


def test_a_wildcard_is_asked_for_by_one_of_its_hosts(person: Person, root: Path) -> None:
    made = a_chain(leaf={"san": ["*.house.lan"]})
    file = written(person.folder, "chain.pem", *made.sent)
    assert person.run("check", file, "--json").json["names"] == ["any.house.lan"]


def test_the_rules_are_listed_with_their_sources(person: Person) -> None:
    told = person.run("check", "--rules", "--json").json["rules"]
    assert len({each["id"] for each in told}) == len(told)
    assert all(each["title"] and each["source"] for each in told)
    assert {"PY-01", "WIRE-01", "HOME-04"} <= {each["id"] for each in told}
    said = person.run("check", "--rules", "--platform", "python").out
    assert "PY-01" in said
    assert "GO-01" not in said


def test_a_line_keeps_to_eighty_columns_of_a_terminal(person: Person, root: Path) -> None:
    made = a_chain(leaf={"aki": None, "end": NOW.replace(year=2040)})
    file = written(person.folder, "chain.pem", *made.sent)
    env = environment(HOUSEKEY_HOUSE=str(person.house), COLUMNS="80", TERM="dumb")
    with Terminal([*COMMAND, "check", str(file), "--root", str(root)], env=env) as terminal:
        assert terminal.wait() == 1
    lines = [re.sub(r"\x1b\[[0-9;?]*\w", "", line) for line in terminal.said.splitlines()]
    assert max(len(line) for line in lines if str(person.folder) not in line) <= 80
    assert not [line for line in lines if line != line.rstrip()]


# Servers


def test_a_server_is_looked_at_as_it_is(person: Person, root: Path) -> None:
    pair = Pair(person.folder, "localhost", "127.0.0.1")
    with serving(tls(pair.context)) as port:
        done = person.run("check", f"https://localhost:{port}/lovelace/0", "--root", root, "--json")
        by_address = person.run("check", f"127.0.0.1:{port}", "--root", root, "--json").json
    assert (done.code, done.err) == (0, ""), done
    told = done.json
    assert told["names"] == ["localhost"]
    assert by_address["names"] == ["127.0.0.1"]
    assert verdicts(by_address, "openssl") == {"127.0.0.1": True}
    assert [each["sha256"] for each in told["chain"]] == [
        fingerprint(pair.leaf),
        fingerprint(ISSUING),
    ]
    server = told["server"]
    assert server["port"] == port
    assert "127.0.0.1" in server["addresses"]
    assert server["tls"] == {"TLS 1.0": False, "TLS 1.1": False, "TLS 1.2": True, "TLS 1.3": True}
    assert [each for each in told["findings"] if each["severity"] != "info"] == []


def test_a_server_that_does_not_send_its_issuing_ca(person: Person, root: Path) -> None:
    with serving(tls(Pair(person.folder, "localhost", whole=False).context)) as port:
        done = person.run("check", f"localhost:{port}", "--root", root, "--json")
        said = person.run("check", f"localhost:{port}", "--root", root).out
    assert done.code == 1
    assert rules(done.json)[0] == "WIRE-01"
    assert "the server sends only its leaf" in said
    assert verdicts(done.json, "openssl") == {"localhost": False}


def test_each_name_is_judged_by_what_is_presented_under_it(person: Person, root: Path) -> None:
    good, bad = Pair(person.folder, "ha.lan", "nas.lan"), Pair(person.folder, "router.lan")
    with serving(tls(by_name(good, {"nas.lan": bad}))) as port:
        options: list[str | Path] = [
            "--name",
            "ha.lan",
            "--name",
            "nas.lan",
            "--root",
            root,
            "--json",
        ]
        done = person.run("check", f"127.0.0.1:{port}", *options)
    assert done.code == 1
    assert verdicts(done.json, "openssl") == {"ha.lan": True, "nas.lan": False}
    assert "WIRE-02" in rules(done.json)


def test_of_two_chains_under_one_name_the_worse_counts(person: Person, root: Path) -> None:
    require(has_ipv6(), "IPv6 on the loopback")
    whole, alone = Pair(person.folder, "ha.lan"), Pair(person.folder, "ha.lan", whole=False)
    with both(tls(whole.context), tls(alone.context)) as port:
        for host, accepted in (("127.0.0.1", True), ("[::1]", False)):
            options: list[str | Path] = ["--name", "ha.lan", "--root", root, "--json"]
            told = person.run("check", f"{host}:{port}", *options).json
            assert verdicts(told, "openssl") == {"ha.lan": accepted}


def test_the_emergency_certificate_is_told_as_recovery_mode(person: Person, root: Path) -> None:
    made = a_self_signed(subject=_emergency(), san=["127.0.0.1"])
    file = written(person.folder, "emergency.pem", *made.sent)
    key = made.made[0].key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(file.read_bytes() + key)
    with serving(tls(context_of(file))) as port:
        done = person.run("check", f"127.0.0.1:{port}", "--root", root, "--json")
    assert done.code == 1
    assert rules(done.json)[0] == "HOME-09"


def _emergency() -> Any:
    organization = "Home Assistant Emergency Certificate"
    return x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, organization)])


def test_with_json_a_target_that_cannot_be_looked_at_is_one_document(person: Person) -> None:
    done = person.run("check", "no-such-host.invalid", "--json")
    assert done.code == 3
    assert json.loads(done.out)["error"]["exit_code"] == 3
