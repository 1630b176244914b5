"""The corpus of polluted files: each is read, and read as what it is."""

from pathlib import Path

import pytest

from tests.support.pollution import Polluted, corpus, scores
from tests.support.reading import cleaned, parse

CORPUS = list(corpus())

# what no reader can know for certain: the records that the spoilt row costs at most
EXPECTED_RECORD_F1 = 0.98


@pytest.mark.parametrize("polluted", CORPUS, ids=lambda polluted: polluted.name)
def test_b02_a_polluted_file_is_read_as_the_table_it_is(tmp_path: Path, polluted: Polluted) -> None:
    header, records, cells = scores(polluted, cleaned(parse(tmp_path, polluted.data), tmp_path))

    assert header == 1
    assert records >= EXPECTED_RECORD_F1
    assert cells >= EXPECTED_RECORD_F1


def test_the_corpus_as_a_whole_is_read_almost_without_loss(tmp_path: Path) -> None:
    total = [scores(polluted, cleaned(parse(tmp_path, polluted.data), tmp_path)) for polluted in CORPUS]

    assert len(CORPUS) >= 60
    assert [round(sum(column) / len(total), 3) >= 0.999 for column in zip(*total, strict=True)] == [
        True,
        True,
        True,
    ]
