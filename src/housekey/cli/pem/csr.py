"""`housekey pem csr`: make a certificate request."""

from __future__ import annotations

from typing import Any

import click

from housekey.cli.output import Output, common_options, subject_of, subject_options
from housekey.cli.pem.delivered import Delivery, out_option, refuse_the_same
from housekey.cli.pem.given import Given, new_passphrase_option, passphrase_option
from housekey.errors import UsageError
from housekey.house.files import Files
from housekey.pki.any_key import AnyPrivateKey
from housekey.pki.csr import Wishes, make_request, request_to_pem, wishes_of
from housekey.pki.issuing import subject_of_server
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.names import parse_name
from housekey.pki.profiles import SELF_SIGNED
from housekey.pki.secret import Secret
from housekey.pki.subject import Subject


@click.command("csr")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--key", metavar="FILE", help="Use this private key.  [default: a new one]")
@click.option(
    "--key-type",
    type=click.Choice([kind.value for kind in KeyType]),
    help="Kind of a new key.  [default: ecdsa-p256]",
)
@click.option("--key-out", metavar="FILE", help="Write the new key there, for you alone.")
@click.option(
    "--from",
    "model",
    metavar="CERT",
    help="Take names and subject from this certificate, where they are not given.",
)
@out_option
@subject_options("The request's", common_name="the first name; it can only be one of them")
@passphrase_option
@new_passphrase_option(default="the new key is not locked")
@common_options
def command(**options: Any) -> None:
    """Make a certificate request (CSR) for all of these names, for anybody to sign.

    With a new key, one that is there (--key), or as a certificate that is to be had
    again (--from). housekey pem sign signs it with the house.
    """
    output = Output(as_json=options["as_json"])
    files = Files()
    given = Given(output, files, options["passphrase_file"])
    delivery = Delivery(output, files)
    _refuse_contradictions(options)
    names = tuple(dict.fromkeys(parse_name(name) for name in options["names"]))
    fields = subject_of(options)
    wishes = Wishes(names, names_from_common_name=False, subject=None, left_out=())
    if options["model"]:
        wishes = given.pick(
            options["model"], lambda model: wishes_of(model.the_certificates()[0], names=names)
        )
    subject = _subject(wishes, fields)
    # What is wrong with it is found before there is a key.
    subject = subject_of_server(SELF_SIGNED, wishes.names, subject)
    refuse_the_same({"--out": options["out"] or "-", "--key-out": options["key_out"]})
    delivery.check(options["out"])
    if not options["key"]:
        delivery.check(options["key_out"], option="--key-out", secret=True)
    key = _key(options, given, delivery)
    request = make_request(key, wishes.names, subject)
    for what in wishes.left_out:
        output.row("left out", what)
    delivery.put(request_to_pem(request), options["out"], what="request")
    output.row("names", ", ".join(map(str, wishes.names)))
    output.row("subject", request.subject.rfc4514_string())
    output.row("key", key.key_type.label)
    output.document(
        {
            "names": [str(name) for name in wishes.names],
            "subject": request.subject.rfc4514_string(),
            "key": key.key_type.value,
            "left_out": list(wishes.left_out),
            **delivery.document,
        }
    )


def _refuse_contradictions(options: dict[str, Any]) -> None:
    for option, value in (
        ("--key-out", options["key_out"]),
        ("--key-type", options["key_type"]),
        ("--new-passphrase-file", options["new_passphrase_file"]),
    ):
        if options["key"] and value:
            raise UsageError(
                f"{option} is about a new key, and --key names one that is there",
                hint=f"say only one of --key and {option}",
            )
    if not options["names"] and not options["model"]:
        raise UsageError(
            "there is no name to ask a certificate for", hint="give one, such as nas.lan"
        )


def _subject(wishes: Wishes, fields: dict[str, str]) -> Subject | None:
    """The model's subject, each field of which may be given anew."""
    if wishes.subject is None:
        return Subject(**{"common_name": None, **fields}) if fields else None
    kept = {each: getattr(wishes.subject, each) for each in Subject.__slots__}
    return Subject(**{**kept, **fields})


def _key(options: dict[str, Any], given: Given, delivery: Delivery) -> PrivateKey:
    """The key that is there, or a new one, written before anybody is sent a request for it."""
    if options["key"]:
        return given.pick(options["key"], lambda found: PrivateKey.of(found.the_key()))
    locked_with = None
    if options["new_passphrase_file"]:
        locked_with = given.first_line(options["new_passphrase_file"])
    key = PrivateKey.generate(KeyType(options["key_type"] or KeyType.ECDSA_P256.value))
    data = key.to_pem()
    if locked_with is not None:
        data = Secret(AnyPrivateKey(key.signing_key).to_locked(locked_with))
    delivery.put(data, options["key_out"], what="private key")
    return key
