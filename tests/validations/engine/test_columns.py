"""Headers found, and the ones that are not."""

import pytest

from validations.engine.columns import edit_distance, fold, match
from validations.engine.profile import Profile, load_profile
from validations.engine.sample import LABELS

QUEBEC = load_profile("quebec-medical")
EXPORT = list(LABELS.values())


def problems(labels: list[str], profile: Profile = QUEBEC) -> list[tuple[str, int | None]]:
    """Code and column of what is wrong with a header."""
    return [(problem.code, problem.column_index) for problem in match(labels, profile).problems]


def test_the_export_is_matched_exactly_in_any_order() -> None:
    for labels in (EXPORT, EXPORT[::-1]):
        matching = match(labels, QUEBEC)
        assert set(matching.how) == {"exact"}
        assert matching.problems == ()


def test_the_spellings_seen_elsewhere_are_aliases_or_folded() -> None:
    labels = [
        "facture",
        "id_ramq",
        "date_service",
        "début",
        "fin",
        "lieu",
        "code",
        "unités",
        "élément_contexte",
    ]
    labels += ["montant", "médecin", "patient"]
    matching = match(labels, QUEBEC)
    assert None not in matching.fields
    assert matching.problems == ()


def test_b05_capitals_without_accents_and_with_underscores_are_folded() -> None:
    labels = [label.upper().replace("É", "E").replace(" ", "_") for label in EXPORT]
    matching = match(labels, QUEBEC)
    assert None not in matching.fields
    assert {how for how in matching.how if how} <= {"exact", "alias", "folded"}


def test_a_slip_is_read_with_a_warning_that_says_as_what() -> None:
    labels = ["Factrue" if label == "Facture" else label for label in EXPORT]
    (problem,) = match(labels, QUEBEC).problems
    assert (problem.code, problem.column_index, problem.suggestion) == ("incorrect-label", 1, "Facture")


def test_a_header_is_never_matched_because_it_contains_another() -> None:
    labels = ["Code postal" if label == "Code" else label for label in EXPORT]
    assert problems(labels) == [("missing-label", None), ("extra-label", 10)]


@pytest.mark.parametrize("label", ["Codes", "Rôl", "Fins"])
def test_short_headers_allow_no_slip(label: str) -> None:
    assert match([label], QUEBEC).fields == (None,)


def test_other_digits_make_another_header() -> None:
    profile = Profile.from_descriptor(
        {"name": "p", "fields": [{"name": "diagnosis1"}, {"name": "diagnosis3"}]}
    )
    assert match(["DIAGNOSIS2"], profile).fields == (None,)


def test_a_header_cut_at_ten_characters_is_read_with_a_warning() -> None:
    profile = Profile.from_descriptor(
        {"name": "p", "fields": [{"name": "commune_insee"}, {"name": "commune_nom"}]}
    )
    matching = match(["commune_no", "commune_in"], profile)
    assert matching.fields == ("commune_nom", "commune_insee")
    assert [problem.code for problem in matching.problems] == ["incorrect-label", "incorrect-label"]


def test_a_slip_between_two_headers_is_not_guessed() -> None:
    profile = Profile.from_descriptor({"name": "p", "fields": [{"name": "total_a"}, {"name": "total_b"}]})
    assert match(["total_c"], profile).fields == (None,)


def test_b05_a_required_field_without_column_is_one_finding_with_candidates() -> None:
    labels = ["Fcture", "Factur", *(label for label in EXPORT if label != "Facture")]
    missing = [problem for problem in match(labels, QUEBEC).problems if problem.code == "missing-label"]
    assert [problem.params["candidates"] for problem in missing] == [["Fcture", "Factur"]]


def test_b05_a_second_spelling_of_a_field_is_a_duplicate() -> None:
    matching = match([*EXPORT, "montant"], QUEBEC)
    assert [(problem.code, problem.params["first_column"]) for problem in matching.problems] == [
        ("duplicate-label", "O")
    ]


def test_folding_drops_accents_case_spaces_and_marks() -> None:
    assert fold("Élément_de contexte") == fold("ELEMENT DE CONTEXTE") == "elementdecontexte"


@pytest.mark.parametrize(
    ("left", "right", "distance"), [("abc", "abc", 0), ("abc", "acb", 1), ("abc", "abd", 1), ("", "ab", 2)]
)
def test_the_distance_counts_slips(left: str, right: str, distance: int) -> None:
    assert edit_distance(left, right, 3) == distance


def test_the_distance_is_bounded() -> None:
    assert edit_distance("x" * 10_000, "y" * 10_000, 2) == 3
