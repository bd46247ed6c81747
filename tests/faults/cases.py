"""The commands that are proven under faults. One more is one more `Case` here.

`arguments` is what a user would type. In it are filled in: `{home}` (all options about the Home
Assistant), `{code}` and `{passphrase}` (files with the house's recovery code and a passphrase),
`{backup}` (a file that is to be), `{out}` (a folder with a pair of the user's own) and `{request}`
(a CSR). `--house` and `--json` are added. `before` are the commands that make the state in which
it begins, once; one that starts with `!` is done to a file: `! remove house/issuing.key`,
`! spoil house/ledger.sqlite`, `! sign out/home.csr` (by a CA of the user's own, into
`out/home.csr.signed`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    arguments: str
    before: tuple[str, ...] = ()
    then: str = ""  # typed after it was cut short; without it the same command again
    road: str = ""  # of the stand-in for Home Assistant: "yaml", "trial", or none at all
    ends: tuple[int, ...] = (0,)  # exit codes of a run that nothing disturbs, and of `then`
    drops: tuple[str, ...] = ()  # what the command is there to remove
    owes: bool = False  # with exit code 1 it tells, one by one, what is still to be done
    moves: tuple[str, ...] = ()  # what may have gone on when the command fails: see the case

    @property
    def name(self) -> str:
        """What the test is called."""
        plain = self.arguments.replace("{", "").replace("}", "")
        harm = "".join(f", {each[2:]}" for each in self.before if each.startswith("!"))
        begins = "" if self.before else ", with nothing there"
        home = f", {self.road}" if self.road else ""
        return plain + harm + begins + home

    @property
    def next(self) -> str:
        return self.then or self.arguments

    @property
    def good(self) -> tuple[int, ...]:
        """Exit codes with which it has done what it is for."""
        return tuple(code for code in self.ends if code != 3)

    @property
    def begins_broken(self) -> bool:
        return any(each.startswith("!") for each in self.before)


MADE = "cert new nas.lan 192.168.1.9"
SECURED = "secure {home} --yes"
BACKED_UP = "house backup {backup} --passphrase-file {passphrase}"
RESTORE = "house restore {backup} --passphrase-file {passphrase} --replace"
RECOVER = "house recover --recovery-code-file {code} --yes"
ROTATE = "house rotate --recovery-code-file {code} --yes"
DAMAGED = "house/damaged/"
NEW_LEDGER = "house/ledger.new.sqlite"
OLD_KEY = "house/root.key.sealed"

HOUSE = (
    Case("cert new nas.lan 192.168.1.9"),
    Case("cert new nas.lan nas.local", before=(MADE,)),
    Case("cert new printer.lan --key rsa-2048", before=(MADE,)),
    Case("cert new nas.lan --out {out}", before=(MADE,)),
    Case("cert new nas.lan --self-signed", before=(MADE,)),
    Case("pem sign {request}", before=(MADE,)),
    Case("cert revoke nas.lan", before=(MADE,), owes=True),
    Case("renew --all", before=(MADE, "cert new printer.lan"), owes=True),
    Case(RECOVER, before=(MADE,)),
    Case(RECOVER, before=(MADE, "! remove house/issuing.key")),
    Case(f"{RECOVER} --leaked", before=(MADE,)),
    Case(ROTATE, before=(MADE,), ends=(0, 1)),
    Case("house rotate --lost-code --yes", before=(MADE,), ends=(0, 3)),
    Case(
        "house rotate --leaked --yes",
        before=(MADE,),
        ends=(0, 1),
        drops=(OLD_KEY,),
    ),
    Case("house rotate --finish --yes", before=(MADE, ROTATE, "renew"), ends=(0, 3)),
    Case(
        "house rotate --abort --yes",
        before=(MADE, ROTATE),
        ends=(0, 3),
        drops=("house/root.pem", OLD_KEY),
    ),
    Case(BACKED_UP, before=(MADE,), then=f"{BACKED_UP} --replace"),
    Case(f"{BACKED_UP} --replace", before=(MADE, BACKED_UP)),
    Case(RESTORE, before=(MADE, BACKED_UP)),
    Case(RESTORE, before=(MADE, BACKED_UP, "! remove house")),
    # The new one lies beside the old one until it is whole; a failure leaves it there.
    Case(
        "ledger rebuild", before=(MADE, "! remove house/ledger.sqlite"), moves=(NEW_LEDGER, DAMAGED)
    ),
    Case(
        "ledger rebuild", before=(MADE, "! spoil house/ledger.sqlite"), moves=(NEW_LEDGER, DAMAGED)
    ),
    Case("house check --fix", before=(MADE, "! remove house/issuing.pem"), ends=(0, 1)),
    Case("ledger export --out {out}/ledger.jsonl", before=(MADE,)),
)

HOMES = tuple(
    case
    for road in ("yaml", "trial")
    for case in (
        Case(SECURED, road=road),
        Case(f"{SECURED} --name printer.lan", before=(SECURED,), road=road),
        Case("renew {home} --yes --now --all", before=(SECURED,), road=road, owes=True),
        Case("undo {home} --yes", before=(SECURED,), road=road),
    )
)

OWN_CA = (  # a CA of the user's own: what it is asked, and what it answers
    Case(
        "secure {home} --yes --csr {out}/home.csr --new-key",
        before=("secure {home} --yes --csr {out}/home.csr",),
        road="trial",
        # The key is there before anybody is asked to sign it, and the one before beside it.
        moves=("house/request", "out/home.csr"),
    ),
    Case(
        "secure {home} --yes --install {out}/home.csr.signed",
        before=(SECURED, "secure {home} --yes --csr {out}/home.csr", "! sign out/home.csr"),
        road="trial",
    ),
)
HOMES += OWN_CA

READING = (
    Case("cert list", before=(MADE,)),
    Case("status --offline", before=(MADE,)),
    Case("house show", before=(MADE,)),
    Case("house check", before=(MADE,), ends=(0, 1)),
    Case("ledger export", before=(MADE,)),
)
