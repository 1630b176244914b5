"""Failures of one kind share a group, however long the site lives."""

from jobs.fingerprints import fingerprint
from jobs.runner import described

FRAMES = "  jobs/runner.py:10 run\n  .venv/lib/python3.11/site-packages/redis/client.py:5 send\nValueError"


def test_a_moved_line_is_the_same_failure() -> None:
    assert fingerprint("ValueError", FRAMES, "") == fingerprint(
        "ValueError", FRAMES.replace(":10 ", ":99 "), ""
    )


def test_frames_of_libraries_do_not_count() -> None:
    assert fingerprint("ValueError", FRAMES, "") == fingerprint(
        "ValueError", FRAMES.replace("client.py:5 send", "retry.py:8 call"), ""
    )


def test_another_function_another_class_or_another_code_is_another_failure() -> None:
    kinds = {
        fingerprint("ValueError", FRAMES, ""),
        fingerprint("ValueError", FRAMES.replace(" run\n", " settle\n"), ""),
        fingerprint("KeyError", FRAMES, ""),
        fingerprint("ValueError", FRAMES, "storage"),
    }
    assert len(kinds) == 4
    assert all(len(kind) == 16 for kind in kinds)


def test_the_same_error_from_two_places_of_our_code_is_two_failures() -> None:
    groups = {_group_of(raiser) for raiser in (_raise_here, _raise_there)}
    assert len(groups) == 2


def _raise_here() -> None:
    raise ValueError("TREMBLAY")


def _raise_there() -> None:
    raise ValueError("TREMBLAY")


def _group_of(raiser: object) -> str:
    try:
        raiser()  # type: ignore[operator]  # a function without arguments
    except ValueError as error:
        texts = described(error)
    return fingerprint(texts["error_class"], texts["traceback"], "")
