"""The list of revoked certificates: what is in it, and what real verifiers make of it.

    root ─ issuing CA ─┬─ good leaf
                       ├─ revoked leaf           the issuing CA signs the list
                       └─ (forged lists: another CA's, an old one)

The house has no list for the issuing CA itself: only the root could sign it, whose key is sealed.
So an engine is asked to check the leaf alone, and one that insists on more is shown insisting.
"""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from shutil import which

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from housekey.errors import ClockWrong, HouseExpired, PemUnreadable
from housekey.live.rehearsal import shake_in_memory
from housekey.pki.crl import DAYS_OF_LIST, Entry, Reason, RevocationList, crl_from_der, issue_crl
from housekey.pki.encoding import certificate_to_pem, chain_to_pem, to_der
from housekey.pki.issuing import issue_leaf
from housekey.pki.keys import KeyType, PrivateKey
from tests.engines.go import built
from tests.needs import require
from tests.pki.houses import A_DAY, NOW, TwoTiers, a_house, names

PROGRAMS = Path(__file__).parent / "programs"
HOST = "nas.lan"


@dataclass(frozen=True)
class Case:
    """Two leaves of one house, of which the list names one; all of it as files."""

    folder: Path
    house: TwoTiers
    good: x509.Certificate
    revoked: x509.Certificate
    key: PrivateKey

    def list_of(self, crl: RevocationList) -> Path:
        path = self.folder / f"list-{crl.number}.der"
        path.write_bytes(crl.der)
        return path

    def pem_of(self, crl: RevocationList) -> Path:
        path = self.folder / f"list-{crl.number}.pem"
        path.write_bytes(x509.load_der_x509_crl(crl.der).public_bytes(Encoding.PEM))
        return path

    def crl(self, number: int = 1, *, reason: Reason = Reason.KEY_COMPROMISE) -> RevocationList:
        entry = Entry(self.revoked.serial_number, NOW, reason)
        return issue_crl(issuer=self.house.issuing, entries=[entry], number=number, now=NOW)

    def old(self) -> RevocationList:
        """A list that has ended: made two years ago, by this house born three years ago."""
        entry = Entry(self.revoked.serial_number, NOW, Reason.UNSPECIFIED)
        then = NOW - 730 * A_DAY
        return issue_crl(issuer=self.house.issuing, entries=[entry], number=9, now=then)

    def strangers(self) -> RevocationList:
        """A list that says the same, by another CA of the same name."""
        other = a_house(born=NOW - 1095 * A_DAY, key_type=KeyType.ECDSA_P384)
        entry = Entry(self.revoked.serial_number, NOW, Reason.UNSPECIFIED)
        return issue_crl(issuer=other.issuing, entries=[entry], number=8, now=NOW)


@pytest.fixture(scope="module", params=[KeyType.ECDSA_P256, KeyType.RSA_2048], ids=str)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("crl")
    house = a_house(key_type=request.param, born=NOW - 1095 * A_DAY)
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    good, revoked = (
        issue_leaf(public_key=key.public_key, names=names(HOST), issuer=house.issuing, now=NOW)
        for _ in range(2)
    )
    for name, certificate in (
        ("root", house.root.certificate),
        ("issuing", house.issuing.certificate),
        ("good", good),
        ("revoked", revoked),
    ):
        (folder / f"{name}.pem").write_bytes(certificate_to_pem(certificate))
        (folder / f"{name}.der").write_bytes(to_der(certificate))
    return Case(folder, house, good, revoked, key)


# What is in it


def test_a_list_has_what_rfc_5280_wants_and_nothing_critical(case: Case) -> None:
    crl = case.crl(7)
    read = x509.load_der_x509_crl(crl.der)
    assert read.issuer == case.house.issuing.certificate.subject
    assert b"\x02\x01\x01" in read.tbs_certlist_bytes[:8]  # INTEGER 1: version 2 (5.1.2.1)
    assert [(each.oid, each.critical) for each in read.extensions] == [
        (x509.AuthorityKeyIdentifier.oid, False),
        (x509.CRLNumber.oid, False),
    ]
    identifier = read.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    own = case.house.issuing.certificate.extensions.get_extension_for_class(
        x509.SubjectKeyIdentifier
    ).value
    assert identifier.key_identifier == own.digest
    assert identifier.authority_cert_issuer is None
    assert read.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 7
    assert read.last_update_utc < NOW < read.last_update_utc + timedelta(hours=2)
    assert read.next_update_utc == read.last_update_utc + DAYS_OF_LIST * A_DAY
    (entry,) = read
    assert entry.serial_number == case.revoked.serial_number
    assert entry.revocation_date_utc <= read.last_update_utc


@pytest.mark.parametrize("reason", list(Reason))
def test_a_reason_is_said_unless_it_says_nothing(case: Case, reason: Reason) -> None:
    (entry,) = x509.load_der_x509_crl(case.crl(reason=reason).der)
    said = [each.value.reason.value for each in entry.extensions]
    # As x509.ReasonFlags spells them.
    parts = reason.value.split("-")
    spelled = parts[0] + "".join(part.capitalize() for part in parts[1:])
    assert said == ([] if reason is Reason.UNSPECIFIED else [spelled])


def test_an_empty_list_has_no_field_for_entries(case: Case) -> None:
    # "When there are no revoked certificates, the revoked certificates list MUST be absent."
    crl = issue_crl(issuer=case.house.issuing, entries=[], number=1, now=NOW)
    assert list(x509.load_der_x509_crl(crl.der)) == []
    printed = run("openssl", "crl", "-inform", "DER", "-in", case.list_of(crl), "-noout", "-text")
    assert "No Revoked Certificates" in printed


def test_a_list_ends_with_its_issuer_at_the_latest(case: Case) -> None:
    end = case.house.issuing.not_after
    crl = issue_crl(issuer=case.house.issuing, entries=[], number=1, now=end - A_DAY)
    assert crl.next_update == end
    with pytest.raises(HouseExpired):
        issue_crl(issuer=case.house.issuing, entries=[], number=1, now=end)
    with pytest.raises(ClockWrong):
        issue_crl(
            issuer=case.house.issuing,
            entries=[],
            number=1,
            now=case.house.issuing.not_before - A_DAY,
        )


def test_a_list_is_read_back_and_another_cas_or_a_damaged_one_is_not(case: Case) -> None:
    crl, issuing = case.crl(3), case.house.issuing.certificate
    assert crl_from_der(crl.der, issuer=issuing) == crl
    damaged = bytearray(crl.der)
    damaged[-1] ^= 1
    for wrong in (b"", b"nonsense", to_der(case.good), bytes(damaged), case.strangers().der):
        with pytest.raises(PemUnreadable):
            crl_from_der(wrong, issuer=issuing)


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 2**159 - 1),
            st.datetimes(
                min_value=NOW.replace(tzinfo=None) - 3000 * A_DAY,
                max_value=NOW.replace(tzinfo=None),
            ),
            st.sampled_from(list(Reason)),
        ),
        max_size=20,
        unique_by=lambda entry: entry[0],
    ),
    st.integers(1, 2**60),
)
def test_whatever_was_revoked_is_in_the_list_once(
    entries: list[tuple[int, object, Reason]], number: int
) -> None:
    issuer = a_house().issuing
    made = issue_crl(
        issuer=issuer,
        entries=[Entry(serial, at.replace(tzinfo=NOW.tzinfo), why) for serial, at, why in entries],  # type: ignore[attr-defined]
        number=number,
        now=NOW,
    )
    read = crl_from_der(made.der, issuer=issuer.certificate)
    assert read.number == number
    assert read.serials == {serial for serial, *_ in entries}
    assert len(list(x509.load_der_x509_crl(made.der))) == len(entries)


# What engines make of it


def run(*command: str | Path) -> str:
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, check=False, timeout=120
    )
    return done.stdout + done.stderr


def openssl(case: Case, leaf: str, crl: RevocationList, *more: str) -> str:
    return run(
        "openssl", "verify", "-no-CApath", "-no-CAstore", "-x509_strict", "-purpose", "sslserver",
        *(more or ("-crl_check",)), "-CRLfile", case.pem_of(crl),
        "-CAfile", case.folder / "root.pem", "-untrusted", case.folder / "issuing.pem",
        case.folder / f"{leaf}.pem",
    )  # fmt: skip


def test_openssl_refuses_the_revoked_leaf_and_no_other(case: Case) -> None:
    assert openssl(case, "good", case.crl()).endswith("good.pem: OK\n")
    assert "certificate revoked" in openssl(case, "revoked", case.crl())


def test_openssl_believes_no_list_that_ended_nor_a_strangers(case: Case) -> None:
    assert "CRL has expired" in openssl(case, "good", case.old())
    refused = openssl(case, "good", case.strangers())
    assert "unable to get certificate CRL" in refused or "CRL signature failure" in refused


def test_openssl_that_checks_the_whole_chain_finds_no_list_for_the_issuing_ca(case: Case) -> None:
    # curl --crlfile and nginx's ssl_crl ask for this; docs/revoke.md says so.
    refused = openssl(case, "good", case.crl(), "-crl_check", "-crl_check_all")
    assert "unable to get certificate CRL" in refused


@pytest.mark.parametrize("leaf", ["good", "revoked"])
def test_python_refuses_the_revoked_leaf_in_a_handshake(case: Case, leaf: str) -> None:
    chain, key = case.folder / "chain.pem", case.folder / "key.pem"
    presented = getattr(case, leaf)
    chain.write_bytes(chain_to_pem([presented, case.house.issuing.certificate]))
    key.write_bytes(case.key.to_pem().reveal())
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(case.folder / "root.pem")
    client.load_verify_locations(case.pem_of(case.crl()))
    client.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF | ssl.VERIFY_X509_STRICT
    _, error = shake_in_memory(server, client, HOST)
    if leaf == "good":
        assert error is None
    else:
        assert isinstance(error, ssl.SSLCertVerificationError)
        assert error.verify_code == 23  # X509_V_ERR_CERT_REVOKED


def test_gnutls_refuses_the_revoked_leaf_and_no_other(case: Case) -> None:
    require(which("certtool") is not None, "certtool (gnutls-bin)")
    crl = case.pem_of(case.crl())
    read = run(
        "certtool",
        "--verify-crl",
        "--load-ca-certificate",
        case.folder / "issuing.pem",
        "--infile",
        crl,
    )
    assert "verified" in read.lower(), read
    for leaf, word in (("good", "The certificate is trusted"), ("revoked", "revoked")):
        chain = case.folder / f"{leaf}-chain.pem"
        chain.write_bytes(chain_to_pem([getattr(case, leaf), case.house.issuing.certificate]))
        said = run(
            "certtool", "--verify", "--verify-hostname", HOST, "--infile", chain,
            "--load-ca-certificate", case.folder / "root.pem", "--load-crl", crl,
        )  # fmt: skip
        assert word in said, said


def test_java_refuses_the_revoked_leaf_and_no_other(case: Case) -> None:
    require(bool(which("java") and which("javac")), "a JDK")
    files = [case.folder / f"{each}.der" for each in ("root", "issuing")]
    leaves = [case.folder / f"{each}.der" for each in ("good", "revoked")]
    said = run("java", PROGRAMS / "Crl.java", *files, case.list_of(case.crl()), *leaves)
    good, revoked = said.splitlines()
    assert good == "good"
    assert revoked.startswith("REVOKED: ")
    assert "KEY_COMPROMISE" in revoked


def test_go_finds_the_list_signed_and_in_it_the_revoked_leaf(case: Case) -> None:
    require(which("go") is not None, "Go")
    program = built(PROGRAMS / "crl.go", "go-crl")
    leaves = [case.folder / f"{each}.der" for each in ("good", "revoked")]
    issuing = case.folder / "issuing.der"
    said = run(program, case.list_of(case.crl(5)), issuing, *leaves)
    assert said.splitlines() == ["signed, number 5", "good", "revoked"]
    assert run(program, case.list_of(case.strangers()), issuing).startswith("not signed: ")
