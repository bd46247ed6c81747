"""`housekey pem sign`: sign a request with the house, or with its own key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from housekey.cli.cert import NEVER_SELF_SIGNED
from housekey.cli.output import Output, common_options, house_folder, now, open_house
from housekey.cli.pem.delivered import Delivery, out_option
from housekey.cli.pem.given import Given, passphrase_option
from housekey.errors import UsageError
from housekey.house.files import Files
from housekey.house.lock import house_lock
from housekey.pki.csr import Wishes, key_of, wishes_of
from housekey.pki.encoding import chain_to_pem, fingerprint
from housekey.pki.issuing import issue_self_signed
from housekey.pki.keys import PrivateKey
from housekey.pki.names import parse_name

if TYPE_CHECKING:
    from cryptography import x509

    from housekey.pki.keys import PublicKey
    from housekey.pki.names import Name


@click.command("sign")
@click.argument("request", required=False, metavar="[CSR]")
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="NAME",
    help="For this name instead of those in the request; repeat it.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 825),
    default=397,
    metavar="DAYS",
    help="How long it is good for.  [default: 397]",
)
@click.option(
    "--self-signed",
    is_flag=True,
    help="Sign with the request's own key (--key); few devices take it.",
)
@click.option("--key", metavar="FILE", help="The private key to sign with; for --self-signed.")
@out_option
@passphrase_option
@common_options
def command(**options: Any) -> None:
    """Sign a certificate request (CSR) with the house.

    Its key, its names and its subject are taken over; everything else comes from
    housekey's own profile, and what the request asked beyond that is told. With
    --self-signed --key FILE no house is needed, and without a CSR --name says for what.
    """
    output = Output(as_json=options["as_json"])
    files = Files()
    given = Given(output, files, options["passphrase_file"])
    delivery = Delivery(output, files)
    _refuse_contradictions(options)
    names = tuple(dict.fromkeys(parse_name(name) for name in options["names"]))
    delivery.check(options["out"])
    public_key, wishes = _request(given, options["request"], names)
    if options["self_signed"]:
        key = _own_key(given, options["key"], public_key)
        chain: tuple[x509.Certificate, ...] = (
            issue_self_signed(
                key=key,
                names=wishes.names,
                now=now(),
                days=options["days"],
                subject=wishes.subject,
            ),
        )
    elif public_key is not None:
        folder = house_folder(options)
        open_house(folder).close()  # says what is wrong with it before a lock is made in it
        # As it is once the lock is held: it may be rotated, or restored, while we wait.
        with house_lock(folder, files=files), open_house(folder) as house:
            chain = house.sign(
                public_key, wishes.names, days=options["days"], subject=wishes.subject
            )
    delivery.put(chain_to_pem(chain), options["out"], what="certificate")
    _tell(output, chain[0], wishes, self_signed=options["self_signed"])
    output.document(
        {
            "names": [str(name) for name in wishes.names],
            "subject": chain[0].subject.rfc4514_string(),
            "issuer": chain[0].issuer.rfc4514_string(),
            "not_after": chain[0].not_valid_after_utc.isoformat(),
            "sha256": fingerprint(chain[0]),
            "left_out": list(wishes.left_out),
            **delivery.document,
        }
    )


def _refuse_contradictions(options: dict[str, Any]) -> None:
    if options["self_signed"] and not options["key"]:
        raise UsageError("--self-signed needs the private key", hint="name it with --key FILE")
    if options["key"] and not options["self_signed"]:
        raise UsageError(
            "the house signs with its own key", hint="--key is for --self-signed; leave it away"
        )
    if options["request"] is None and not (options["self_signed"] and options["names"]):
        raise UsageError(
            "there is no request to sign",
            hint="name its file; or make one: housekey pem csr NAME --key-out FILE",
        )


def _request(
    given: Given, file: str | None, names: tuple[Name, ...]
) -> tuple[PublicKey | None, Wishes]:
    if file is None:
        return None, Wishes(names, names_from_common_name=False, subject=None, left_out=())
    return given.pick(
        file,
        lambda found: (
            key_of(found.the_request()),
            wishes_of(found.the_request(), names=names),
        ),
    )


def _own_key(given: Given, file: str, public_key: PublicKey | None) -> PrivateKey:
    key = given.pick(file, lambda found: PrivateKey.of(found.the_key()))
    if public_key is not None and key.public_key != public_key:
        raise UsageError(
            f"{file} is not the private key of the request",
            hint="housekey pem match shows which files belong together",
        )
    return key


def _tell(
    output: Output, certificate: x509.Certificate, wishes: Wishes, *, self_signed: bool
) -> None:
    output.row("names", ", ".join(map(str, wishes.names)))
    if wishes.names_from_common_name:
        output.row("", "taken from the common name: the request has no others")
    output.row("subject", certificate.subject.rfc4514_string())
    output.row("until", f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
    for what in wishes.left_out:
        output.row("left out", what)
    if self_signed:
        for platform, reason in NEVER_SELF_SIGNED.items():
            output.row("heads up", f"never accepted by {platform}: {reason}")
