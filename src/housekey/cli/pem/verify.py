"""`housekey pem verify`: does a chain hold?"""

from __future__ import annotations

from typing import Any

import click

from housekey.cli.output import Output, common_options, house_folder, now, open_house
from housekey.cli.pem.given import Given, moment, shown
from housekey.house.files import Files
from housekey.pki.contents import Contents
from housekey.pki.encoding import fingerprint
from housekey.pki.names import parse_name
from housekey.pki.verifying import verify


@click.command("verify")
@click.argument("chain", nargs=-1, required=True, metavar="CHAIN...")
@click.option(
    "--root",
    "roots",
    multiple=True,
    metavar="FILE",
    help="What is trusted; repeat it.  [default: the house's root]",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="NAME",
    help="What a client would ask for; repeat it.  [default: all names in the certificate]",
)
@click.option("--at", metavar="TIME", help="As of that time, such as 2027-01-31.  [default: now]")
@common_options
def command(**options: Any) -> None:
    """Tell whether a chain of certificates holds, up to a root.

    The first certificate of CHAIN is the one that is asked about; the others help
    on the way, in one file or several. The exit code is 1 when it does not hold.
    """
    output = Output(as_json=options["as_json"])
    given = Given(output, Files())
    at = moment(options["at"]) if options["at"] else now()
    names = tuple(parse_name(name) for name in options["names"])
    chain = [
        each for name in options["chain"] for each in given.pick(name, Contents.the_certificates)
    ]
    if options["roots"]:
        roots = [
            each
            for name in options["roots"]
            for each in given.pick(name, Contents.the_certificates)
        ]
    else:
        with open_house(house_folder(options)) as house:
            roots = [house.root]
    answers = verify(chain, roots=roots, names=names, at=at)
    for answer in answers:
        name = str(answer.name) if answer.name is not None else shown(options["chain"][0])
        if answer.holds:
            output.row("good", name)
        else:
            output.row("bad", f"{name}: {answer.reason}")
    holds = all(answer.holds for answer in answers)
    output.document(
        {
            "holds": holds,
            "at": at.isoformat(),
            "sha256": fingerprint(chain[0]),
            "answers": [
                {
                    "name": None if answer.name is None else str(answer.name),
                    "holds": answer.holds,
                    "reason": answer.reason,
                }
                for answer in answers
            ],
        }
    )
    if not holds:
        raise click.exceptions.Exit(1)
