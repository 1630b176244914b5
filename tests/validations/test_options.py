"""Reading options that a sender sets by hand."""

from typing import Any

import pytest

from validations.intake import UploadRefusedError
from validations.options import clean_options


def test_only_options_that_were_set_are_kept() -> None:
    given = {"encoding": "Windows-1252", "delimiter": "tab", "quotechar": "none", "header_line": "3"}
    assert clean_options(given) == {
        "encoding": "cp1252",
        "delimiter": "\t",
        "quotechar": "",
        "header_line": 3,
    }


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("encoding", "klingon"),
        ("encoding", "rot13"),
        ("delimiter", ";;"),
        ("delimiter", "\n"),
        ("quotechar", "ab"),
        ("header_line", 0.5),
        ("sheet", 0),
        ("sheet", "101"),
        ("header_line", "-1"),
        ("header_line", 10**9),
    ],
)
def test_an_impossible_option_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(UploadRefusedError) as caught:
        clean_options({option: value})
    assert caught.value.params == {"option": option}
    assert option in caught.value.message


@pytest.mark.parametrize(
    ("given", "kept"), [({"header_line": 0}, {"header_line": 0}), ({"sheet": "2"}, {"sheet": 2})]
)
def test_no_header_and_the_number_of_a_sheet_are_options(given: dict[str, Any], kept: dict[str, int]) -> None:
    assert clean_options(given) == kept
