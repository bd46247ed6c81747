"""A recovery code survives paper, a telephone and clumsy fingers, and tells a typo as a typo."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housekey.errors import RecoveryCodeWrong
from housekey.house.recovery import (
    _GENERATOR,
    ALPHABET,
    LENGTH,
    RANDOM_CHARACTERS,
    RecoveryCode,
    _check_values,
    _syndromes,
)

data_values = st.lists(st.integers(0, 31), min_size=RANDOM_CHARACTERS, max_size=RANDOM_CHARACTERS)
codes = data_values.map(
    lambda data: RecoveryCode("".join(ALPHABET[value] for value in data + _check_values(data)))
)


def plain(code: RecoveryCode) -> str:
    return code.text.replace("-", "")


def test_a_code_has_six_groups_of_five_and_130_random_bits() -> None:
    code = RecoveryCode.generate()
    assert [len(group) for group in code.text.split("-")] == [5] * 6
    assert RANDOM_CHARACTERS * 5 == 130
    assert len({RecoveryCode.generate().text for _ in range(100)}) == 100


def test_the_alphabet_has_no_look_alikes() -> None:
    assert len(set(ALPHABET)) == 32
    assert not set(ALPHABET) & set("ILOU")


def test_a_code_shows_itself_only_when_asked() -> None:
    code = RecoveryCode.generate()
    for shown in (repr(code), str(code), f"{code}", repr(code.secret)):
        assert plain(code) not in shown
        assert code.text not in shown


@given(codes, st.sampled_from(["", " ", "-", " - ", "\n", "–", "\t"]), st.booleans(), st.data())
def test_a_code_is_read_however_it_was_typed(
    code: RecoveryCode, separator: str, lower: bool, data: st.DataObject
) -> None:
    look_alikes = {"0": "0Oo", "1": "1IiLl"}
    typed = "".join(
        data.draw(st.sampled_from(look_alikes.get(character, character))) + separator
        for character in plain(code)
    )
    parsed = RecoveryCode.parse(f"  {typed.lower() if lower else typed}\n")
    assert parsed == code
    assert parsed.secret.reveal() == code.secret.reveal()


@given(codes, st.integers(0, LENGTH - 1))
def test_every_wrong_character_is_a_typo_and_its_group_is_named(
    code: RecoveryCode, position: int
) -> None:
    right = plain(code)
    for wrong in ALPHABET.replace(right[position], ""):
        typed = right[:position] + wrong + right[position + 1 :]
        with pytest.raises(RecoveryCodeWrong, match="typo") as caught:
            RecoveryCode.parse(typed)
        assert f"group {position // 5 + 1}" in caught.value.message


@given(codes)
def test_every_swap_of_neighbours_is_a_typo(code: RecoveryCode) -> None:
    right = plain(code)
    for position in range(LENGTH - 1):
        a, b = right[position], right[position + 1]
        if a != b:
            with pytest.raises(RecoveryCodeWrong, match="typo"):
                RecoveryCode.parse(right[:position] + b + a + right[position + 2 :])


@given(codes, st.dictionaries(st.integers(0, LENGTH - 1), st.integers(1, 31), max_size=4))
def test_up_to_four_wrong_characters_are_a_typo(code: RecoveryCode, errors: dict[int, int]) -> None:
    typed = "".join(
        ALPHABET[ALPHABET.index(character) ^ errors.get(position, 0)]
        for position, character in enumerate(plain(code))
    )
    if errors:
        with pytest.raises(RecoveryCodeWrong, match="typo"):
            RecoveryCode.parse(typed)
    else:
        RecoveryCode.parse(typed)


@given(codes, st.integers(0, LENGTH - 1), st.sampled_from("U!ÄΩ8️"[:4]))
def test_a_character_that_no_code_has_is_told_with_its_group(
    code: RecoveryCode, position: int, stranger: str
) -> None:
    right = plain(code)
    with pytest.raises(RecoveryCodeWrong, match=f"group {position // 5 + 1} .*{stranger!r}"):
        RecoveryCode.parse(right[:position] + stranger + right[position + 1 :])


@given(codes, st.integers(0, LENGTH - 1), st.sampled_from(ALPHABET))
def test_a_missing_or_an_extra_character_is_told_by_the_length(
    code: RecoveryCode, position: int, extra: str
) -> None:
    right = plain(code)
    with pytest.raises(RecoveryCodeWrong, match="29 characters, not 30"):
        RecoveryCode.parse(right[:position] + right[position + 1 :])
    with pytest.raises(RecoveryCodeWrong, match="31 characters, not 30"):
        RecoveryCode.parse(right[:position] + extra + right[position:])


@given(st.text())
def test_whatever_is_typed_is_a_code_or_a_typo(text: str) -> None:
    with pytest.raises(RecoveryCodeWrong) as caught:
        RecoveryCode.parse(text)
    assert caught.value.hint


def test_a_right_code_stays_right_in_later_versions() -> None:
    """Pinned: codes are on paper for ten years."""
    code = RecoveryCode.parse("01234-56789-ABCDE-FGHJK-MNPQR-SKYEF")
    assert code.secret.reveal() == b"0123456789ABCDEFGHJKMNPQRSKYEF"


def test_the_generator_is_zero_at_its_four_roots() -> None:
    assert _syndromes(_GENERATOR) == [0, 0, 0, 0]
