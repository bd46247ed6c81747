"""The commands that are proven under faults. One more is one more `Case` here.

`arguments` is what a user would type. In it `{house}`, `{out}`, `{code}` (a file with the house's
recovery code), `{backup}` (a file that is to be) and `{home}` (all options about the Home Assistant)
are filled in; every command gets --json and --yes where it takes them. `before` are the commands
that make the state in which it begins, once; `then` is what a user would type after it was cut
short, if that is not the same command again.
"""

from __future__ import annotations

from dataclasses import dataclass

MADE = "cert new nas.lan 192.168.1.9"
SECURED = "secure {home}"


@dataclass(frozen=True, slots=True)
class Case:
    arguments: str
    before: tuple[str, ...] = ()
    then: str = ""
    road: str = ""  # of the stand-in for Home Assistant: "yaml", "trial", or none at all
    given: str = ""  # to standard input
    changes: bool = True  # whether it changes anything: one that only reads must run through
    title: str = ""  # instead of the arguments, where two cases would be called alike
    ends: tuple[int, ...] = (0,)  # exit codes of a run that nothing disturbs
    asks_yes: bool = True  # whether the command takes --yes

    @property
    def name(self) -> str:
        """What the test is called."""
        begins = "" if self.before else ", with nothing there"
        home = f", {self.road}" if self.road else ""
        plain = self.arguments.replace("{", "").replace("}", "")
        return self.title or f"{plain}{begins}{home}"

    @property
    def next(self) -> str:
        return self.then or self.arguments


HOUSE = (
    Case("cert new nas.lan 192.168.1.9"),
    Case("cert new nas.lan nas.local", before=(MADE,)),
    Case("cert new printer.lan --key rsa-2048", before=(MADE,)),
    Case("cert new nas.lan --out {out}", before=(MADE,)),
    Case("cert new nas.lan --self-signed", before=(MADE,)),
    Case("pem sign {request}", before=(MADE,), asks_yes=False),
)

HOMES = tuple(
    case
    for road in ("yaml", "trial")
    for case in (
        Case("secure {home}", road=road),
        Case("secure {home} --name printer.lan", before=(SECURED,), road=road),
        Case("undo {home}", before=(SECURED,), road=road),
    )
)

READING = (
    Case("cert list", before=(MADE,), changes=False, asks_yes=False),
    Case("status", before=(MADE,), changes=False, asks_yes=False),
)
