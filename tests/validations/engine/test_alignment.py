"""Rows of the wrong width, put under the right columns where their content says how."""

from validations.engine.alignment import Aligner, shape

ROWS = [
    ["2025-01-05", "08:30", "Roy Luc", "47,05", "AR"],
    ["2025-01-06", "09:00", "Gagné Zoé", "12,50", "G160"],
    ["2025-02-11", "10:15", "Côté Jean", "8,00", ""],
    ["2025-03-01", "11:45", "Lévis Marc", "110,00", "AR"],
]


def aligner(delimiter: str = ";") -> Aligner:
    return Aligner(ROWS, 5, delimiter)


def test_a_lost_cell_in_the_middle_does_not_shift_the_rest() -> None:
    aligned = aligner().align(["2025-01-05", "Roy Luc", "47,05", "AR"])

    assert aligned.cells == ["2025-01-05", None, "Roy Luc", "47,05", "AR"]
    assert aligned.how == "aligned"


def test_a_row_cut_short_is_filled_at_its_end() -> None:
    aligned = aligner().align(["2025-01-05", "08:30", "Roy Luc"])

    assert aligned.cells == ["2025-01-05", "08:30", "Roy Luc", None, None]
    assert aligned.how == "end"


def test_an_amount_cut_by_its_decimal_comma_is_joined_again() -> None:
    aligned = aligner(",").align(["2025-01-05", "08:30", "Roy Luc", "47", "05", "AR"])

    assert aligned.cells == ["2025-01-05", "08:30", "Roy Luc", "47,05", "AR"]
    assert aligned.how == "joined"


def test_an_empty_cell_too_many_is_left_out_where_it_shifts() -> None:
    aligned = aligner().align(["2025-01-05", "", "08:30", "Roy Luc", "47,05", "AR"])

    assert aligned.cells == ["2025-01-05", "08:30", "Roy Luc", "47,05", "AR"]
    assert aligned.extra == [""]


def test_surplus_at_the_end_stays_surplus() -> None:
    aligned = aligner().align(["2025-01-05", "08:30", "Roy Luc", "47,05", "AR", "note", "autre"])

    assert aligned.cells == ["2025-01-05", "08:30", "Roy Luc", "47,05", "AR"]
    assert aligned.extra == ["note", "autre"]


def test_a_row_that_fits_nowhere_is_not_guessed_at() -> None:
    assert aligner().align(["x y", "z w"]).cells == ["x y", "z w", None, None, None]


def test_cells_of_one_form_have_one_shape() -> None:
    assert shape("GAGE85010112") == shape("ROYL62051203") != shape("ROYL-6205")
