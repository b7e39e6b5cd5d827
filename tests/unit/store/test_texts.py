"""Text hygiene: what is stored can be stored, and shows what was done to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mljob.store.texts import clean, head, identity, tail

ANY_TEXT = st.text(st.characters() | st.sampled_from("\x00\ud800\udfff"))


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("", ""),
        ("plain", "plain"),
        ("naïve \N{SNOWMAN} \N{PILE OF POO}", "naïve \N{SNOWMAN} \N{PILE OF POO}"),
        ("a\x00b", "a\N{SYMBOL FOR NULL}b"),
        ("\ud83d", "\\ud83d"),
        ("é\udcff\x00", "é\\udcff\N{SYMBOL FOR NULL}"),
    ],
)
def test_only_what_cannot_be_stored_is_replaced(text: str, stored: str) -> None:
    assert clean(text) == stored


@given(ANY_TEXT)
def test_every_text_becomes_storable_and_stays_so(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode("utf-8")
    assert "\x00" not in cleaned
    assert clean(cleaned) == cleaned


@given(ANY_TEXT, st.integers(50, 80))
def test_no_text_is_longer_than_its_limit(text: str, limit: int) -> None:
    for shortened in (head(text * 9, limit), tail(text * 9, limit), identity(text * 9, limit)):
        assert len(shortened) <= limit


def test_a_message_keeps_its_beginning_and_a_log_its_end() -> None:
    text = "begin " + "." * 100 + " end"
    assert head(text, 40) == "begin ............ [cut: 110 characters]"
    assert tail(text, 40) == "[cut: 110 characters] .............. end"


def test_identities_that_differ_stay_different_when_cut() -> None:
    first, second = "x" * 600 + "1", "x" * 600 + "2"
    assert identity(first) != identity(second)
    assert len(identity(first)) == 500
    assert identity("anna") == "anna"
