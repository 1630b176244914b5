"""The corpus of polluted files: each is read, and read as what it is."""

from pathlib import Path

import pytest

from tests.support.pollution import Polluted, corpus, values
from tests.support.pollution.weights import WEIGHTS
from tests.support.reading import cleaned, parse

CORPUS = list(corpus())


@pytest.mark.parametrize("polluted", CORPUS, ids=lambda polluted: polluted.name)
def test_b01_b02_a_polluted_file_is_read_as_the_table_it_is(tmp_path: Path, polluted: Polluted) -> None:
    parsed = parse(tmp_path, polluted.data)

    assert values(polluted, cleaned(parsed, tmp_path)) == (1.0,) * 10
    assert (parsed.reading.header_line is None) == (polluted.header is None)


def test_the_corpus_holds_every_pollution_that_the_survey_counted_and_more() -> None:
    assert len({polluted.name for polluted in CORPUS}) == len(CORPUS) >= 150
    assert {polluted.kind for polluted in CORPUS} == {*WEIGHTS, "other"}
