"""Fixtures for the checking half of the engine."""

from collections.abc import Callable, Iterator
from functools import partial

import duckdb
import pytest

from tests.support.judging import Judged, judge_table


@pytest.fixture
def judge_rows() -> Iterator[Callable[..., Judged]]:
    """A function that checks a few rows and tells what was found."""
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        yield partial(judge_table, connection)
