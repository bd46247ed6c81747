"""Any valid file: what Home Assistant reads afterwards is the old plus our keys, and no more.

The reader is PyYAML over libyaml, as in Home Assistant; ours is ruamel.yaml. So these tests
also ask whether the two agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from housekey.errors import YamlRefused
from housekey.homeassistant.yaml_edit import http_block, remove_http, set_http
from tests.homeassistant.yaml_reference import say

SOURCE = Path("/config/configuration.yaml")
few = settings(max_examples=150)

# Values

paths = st.one_of(
    st.sampled_from(
        ["/config/certificate.pem", "/ssl/my key.pem", "/a#b", "/a: b", "/Küche/ö.pem"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
)
changes = st.fixed_dictionaries(
    {"ssl_certificate": paths, "ssl_key": paths},
    optional={"server_port": st.integers(1, 65535)},
)

# Files

comments = st.sampled_from(["", "  # note", " #http: 1", "  # é: {", "\t# tab"])
lines_between = st.sampled_from(["", "", "", "\n", "# a comment\n", "  # http:\n", "#\n\n"])
scalars = st.sampled_from(
    [
        "1", "yes", "text", "'quoted: #'", '"http: \\" x"', "!secret door", "!env_var HOME /tmp",
        "!include other.yaml", "!include_dir_list lists", "!include_dir_merge_list lists",
        "!include_dir_named names", "!include_dir_merge_named names", "!input motion", "",
        "~", "a b c", "{a: 1, b: [x, 'y']}", "[1, 2]", "{}", "[]", "http://ä.example:8123/x#y",
        "'{{ states(\"a\") }}'", "|\n${}text\n\n${} more: 1",
        ">-\n${}http:\n${}folded", "|+\n${}kept\n\n",
        "*anchor", "2024-01-01", "0777",
    ]
)  # fmt: skip


@st.composite
def values(draw: st.DrawFn, depth: int, indent: int) -> str:
    """What follows `key:`; every line but the last ends in a line break."""
    step = draw(st.sampled_from([1, 2, 3, 4]))
    kind = draw(st.sampled_from(["scalar"] * 3 + (["map", "list"] if depth else [])))
    pad = " " * (indent + step)
    if kind == "scalar":
        text = draw(scalars).replace("${}", pad)
        return f" {text}" + ("" if "\n" in text else draw(comments))
    out = [draw(comments)]
    for index in range(draw(st.integers(1, 3))):
        gap = draw(lines_between)
        inner = draw(values(depth - 1, indent + step))
        out.append(f"{gap}{pad}" + ("-" if kind == "list" else f"key{index}:") + inner)
    return "\n".join(out)


@st.composite
def sections(draw: st.DrawFn, *, prefix: str, column: int) -> str:
    """Top-level entries with comments and blank lines between, each ended."""
    pad = " " * column
    out = ""
    for index in range(draw(st.integers(0, 3))):
        key = draw(st.sampled_from([f"{prefix}{index}", f'"{prefix}{index}"', f"{prefix} {index}"]))
        out += draw(lines_between) + f"{pad}{key}:{draw(values(2, column))}\n"
    return out + draw(lines_between)


own = {
    "ssl_certificate": [
        "/old.pem",
        '"/old.pem"',
        "!secret cert",
        "",
        ">-\n${}/ssl/x",
        "\n${}/x.pem",
    ],
    "ssl_key": ["/old.key", "'/old key'", "~", "!env_var KEY"],
    "server_port": ["8123", "!secret port", "443"],
    "server_host": ["0.0.0.0", "\n${}- 0.0.0.0 # all\n${}- '::'"],
    "trusted_proxies": ["[127.0.0.1]", "\n${}- 10.0.0.0/8\n\n${}# more\n${}- ::1"],
    "use_x_forwarded_for": ["true"],
}


@st.composite
def http_blocks(draw: st.DrawFn, column: int) -> str:
    """An `http:` in one of its shapes, ended by a line break."""
    pad = " " * column
    key = pad + draw(st.sampled_from(["http", '"http"', "'http'"]))
    shape = draw(st.sampled_from(["block", "block", "block", "flow", "empty"]))
    note = draw(comments)
    if shape == "empty":
        value = draw(st.sampled_from(["", " ~", " null", " {}"]))
        return f"{key}:{value}{note}\n" + draw(st.sampled_from(["", f"{pad}  # server_port: 1\n"]))
    names = draw(st.lists(st.sampled_from(sorted(own)), min_size=1, unique=True))
    if shape == "flow":
        flat = {name: own[name][0] for name in names}
        inside = draw(st.sampled_from([", ", ",", ",\n" + pad + "  "])).join(
            f"{name}: {value}" for name, value in flat.items()
        )
        return f"{key}: {{{inside}}}{note}\n"
    inner = pad + " " * draw(st.sampled_from([1, 2, 3, 4, 7]))
    out = f"{key}:{note}\n"
    for name in names:
        text = draw(st.sampled_from(own[name])).replace("${}", inner + "  ")
        out += draw(lines_between).replace("  #", inner + "#") + f"{inner}{name}: {text}\n"
    return out


@dataclass(frozen=True)
class File:
    before: str  # the http block
    block: str
    after: str
    line_break: str
    bom: bytes
    ended: bool

    def encoded(self, text: str) -> bytes:
        return text.replace("\n", self.line_break).encode()

    @property
    def data(self) -> bytes:
        text = self.before + self.block + self.after
        return self.bom + self.encoded(text if self.ended else text.rstrip("\n"))


@st.composite
def any_files(draw: st.DrawFn) -> File:
    column = draw(st.sampled_from([0, 0, 0, 2]))
    start = draw(st.sampled_from(["", "", "---\n", "# Home\n---\n", "# a\n\n"]))
    end = draw(st.sampled_from(["", "", "...\n", "...\n# the end\n"]))
    anchored = " " * column + "anchored: &anchor {a: 1}\n"
    return File(
        before=start + anchored + draw(sections(prefix="a", column=column)),
        block=draw(st.one_of(st.just(""), http_blocks(column))),
        after=draw(sections(prefix="b", column=column)) + end,
        line_break=draw(st.sampled_from(["\n", "\r\n"])),
        bom=draw(st.sampled_from([b"", b"\xef\xbb\xbf"])),
        ended=draw(st.booleans()),
    )


def readable(file: File) -> bool:
    """Home Assistant reads it (a tab behind a dash, or a trailing block scalar, may be none)."""
    try:
        return isinstance(say(file.data), dict)
    except yaml.YAMLError:
        return False


files = any_files().filter(readable)


def with_http(said: Any, new: dict[str, Any]) -> Any:
    """What a file should say after `new` was set in it."""
    http = {**(said.get("http") or {}), **{k: v for k, v in new.items() if v is not None}}
    for key in (key for key, value in new.items() if value is None):
        http.pop(key, None)
    return {**said, "http": http or None}


def normal(said: Any) -> Any:
    return {**said, "http": said.get("http") or None}


@few
@given(files, changes)
def test_a_set_adds_our_keys_and_touches_nothing_outside_the_block(
    file: File, new: dict[str, Any]
) -> None:
    data = file.data
    edited = set_http(data, new, source=SOURCE)
    assert say(edited) == with_http(say(data), new)
    if file.block:
        assert edited.startswith(file.bom + file.encoded(file.before))
        after = file.after if file.ended else file.after.rstrip("\n")
        assert edited.endswith(file.encoded(after))
    else:
        assert remove_http(edited, source=SOURCE) == data
    assert http_block(edited, source=SOURCE).settings.items() >= {
        (key, str(value)) for key, value in new.items()
    }
    assert set_http(edited, new, source=SOURCE) == edited


@few
@given(files, changes)
def test_a_set_and_its_inverse_say_what_was_said(file: File, new: dict[str, Any]) -> None:
    said = say(file.data)
    old = {key: (said.get("http") or {}).get(key) for key in new}
    plain = {key: value if isinstance(value, (str, int)) else None for key, value in old.items()}
    there = set_http(file.data, new, source=SOURCE)
    back = set_http(there, plain, source=SOURCE)
    assert normal(say(back)) == with_http(said, plain)


@few
@given(files)
def test_a_removed_block_takes_only_its_own_lines(file: File) -> None:
    edited = remove_http(file.data, source=SOURCE)
    said = say(file.data)
    assert (say(edited) or {}) == {key: value for key, value in said.items() if key != "http"}
    if not file.block:
        assert edited == file.data
    elif file.ended:
        assert edited.startswith(file.bom + file.encoded(file.before))
        # Indented comments below the block may belong to it.
        after = [file.after, file.after.lstrip("\n").removeprefix("  # http:\n").lstrip("\n")]
        assert edited.endswith(tuple(map(file.encoded, after)))


# Anything at all: where both readers take it for YAML, they must agree about the edit

soup = st.lists(
    st.sampled_from(
        [
            "http:", "http", '"http":', "a:", "b: ", "- ", "  ", " ", "    ", "\t", "\n", "\n",
            "\r\n", "\r", "\n  ", "# c", " # c", "'", '"', "{", "}", "[", "]", ", ", ",", ": ", ":",
            "? ", "|", ">-", "|+", "\n\n", "&x ", "*x", "!secret k", "!include f", "<<: *x", "text",
            "ssl_key: ", "ssl_key: /x", "server_port: 1", "~", "1", "---", "...", "---\n",
            "\n...\n", "%YAML 1.1\n", "\u2028", "\x85", "\ufeff", "é", "\x0b", "\x0c", "\\", "@",
            "ssl_certificate: |\n", "http: {a: 1}\n", "http:\n  a: 1\n", "a: 1\n", "  b: 1\n",
            "\n# c\n", "a: &x {b: 1}\n",
        ]
    ),
    max_size=14,
).map("".join)  # fmt: skip


@settings(max_examples=600)
@given(soup)
@example("a: |\n  text")
@example("a: 1\u2028http:\u2028  b: 1\n")
@example("# c\n...\n")
@example("http: &x\n  a: 1\n")
def test_whatever_is_not_refused_is_right(text: str) -> None:
    data = text.encode()
    new = {"ssl_certificate": "/config/certificate.pem", "ssl_key": "/my key.pem"}
    try:
        said = say(data)
    except (yaml.YAMLError, ValueError, TypeError):
        return  # Home Assistant cannot read it either
    for wanted in (new, {"ssl_key": None}, {"server_port": 443}):
        try:
            edited = set_http(data, wanted, source=SOURCE)
        except YamlRefused:
            continue
        assert normal(say(edited) or {}) == normal(with_http(said or {}, wanted))
    try:
        edited = remove_http(data, source=SOURCE)
    except YamlRefused:
        return
    assert (say(edited) or {}) == {k: v for k, v in (said or {}).items() if k != "http"}
