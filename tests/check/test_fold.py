"""Verdicts folded for reading: what is equal is told once, and nothing is lost."""

from __future__ import annotations

from housekey.check.fold import fold
from housekey.pki.names import parse_name
from housekey.platforms.model import Finding, Platform, Severity, Verdict

HA, NAS, ADDRESS = map(parse_name, ("ha.lan", "nas.lan", "192.168.1.9"))
CURL, PYTHON, GO = Platform.OPENSSL, Platform.PYTHON, Platform.GO


def finding(rule: str, message: str, severity: Severity = Severity.ERROR) -> Finding:
    return Finding(rule, severity, message, "mend it", f"source of {rule}")


def verdict(
    platform: Platform, *findings: Finding, name: object = HA, error: str = "no", yes: bool = False
) -> Verdict:
    rejected = bool(findings) and not yes
    return Verdict(
        platform,
        name,  # type: ignore[arg-type]
        accepts=not rejected,
        error=error if rejected else "",
        findings=findings,
    )


def test_what_every_platform_says_in_the_same_words_is_told_once_with_all_rules() -> None:
    folded = fold(
        [
            verdict(CURL, finding("OSL-1", "it has ended")),
            verdict(GO, finding("GO-1", "it has ended")),
        ]
    )
    (told,) = folded.everywhere
    assert told.known_by == (("OSL-1", "source of OSL-1"), ("GO-1", "source of GO-1"))
    assert [group.told for group in folded.groups] == [()]
    assert [line.platform for line in folded.groups[0].lines] == [CURL, GO]


def test_of_one_platform_nothing_is_said_of_every_platform() -> None:
    folded = fold([verdict(CURL, finding("OSL-1", "it has ended"))])
    assert folded.everywhere == ()
    assert folded.groups[0].told[0].message == "it has ended"


def test_platforms_with_the_same_reasons_stand_together_rejections_first() -> None:
    short = finding("OSL-6", "the key is short")
    folded = fold([verdict(GO), verdict(CURL, short), verdict(PYTHON, short)])
    assert folded.everywhere == ()
    first, second = folded.groups
    assert [line.platform for line in first.lines] == [CURL, PYTHON]
    assert [told.message for told in first.told] == ["the key is short"]
    assert [(line.platform, line.accepts) for line in second.lines] == [(GO, True)]


def test_what_is_said_of_every_name_alike_is_one_line() -> None:
    names = (HA, NAS)
    folded = fold(
        [
            verdict(GO, finding("GO-1", f"not for {n}"), name=n, error=f"invalid for {n}")
            for n in names
        ]
    )
    (group,) = folded.groups
    (line,) = group.lines
    assert (line.error, line.names) == ("invalid for NAME", ())
    assert [told.message for told in group.told] == ["not for NAME"]


def test_names_that_differ_are_told_apart_and_those_that_are_accepted_listed() -> None:
    folded = fold(
        [
            verdict(GO, name=HA),
            verdict(
                GO, finding("GO-1", "not for 192.168.1.9"), name=ADDRESS, error="no 192.168.1.9"
            ),
            verdict(GO, name=NAS),
        ]
    )
    (group,) = folded.groups
    (line,) = group.lines
    assert (line.accepts, line.error, line.names) == (False, "no 192.168.1.9", (ADDRESS,))
    assert group.others == (HA, NAS)
    assert group.told[0].names == (ADDRESS,)


def test_a_name_inside_another_word_is_no_name() -> None:
    lan = parse_name("lan")
    folded = fold(
        [
            verdict(GO, finding("GO-1", "not ha.lan"), name=lan),
            verdict(GO, finding("GO-1", "not ha.lan"), name=NAS),
        ]
    )
    assert folded.groups[0].told[0].message == "not ha.lan"


def test_what_is_only_good_to_know_is_told_when_asked() -> None:
    known = finding("X-1", "good to know", Severity.INFO)
    asked = [verdict(GO, known, yes=True), verdict(CURL)]
    assert [group.told for group in fold(asked).groups] == [()]
    told = [each for group in fold(asked, least=Severity.INFO).groups for each in group.told]
    assert [each.message for each in told] == ["good to know"]


def test_a_warning_of_one_that_accepts_keeps_it_apart_from_the_others() -> None:
    warning = finding("X-2", "underscore", Severity.WARNING)
    folded = fold([verdict(GO), verdict(CURL, warning, yes=True), verdict(PYTHON)])
    assert [[line.platform for line in group.lines] for group in folded.groups] == [
        [GO, PYTHON],
        [CURL],
    ]
