"""The whole API by its own document: what schemathesis makes of it gets no 500, and nothing of another organization."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, settings

from tests import factories
from tests.test_border import MARK, Foreign
from tests.test_border import foreign as foreign  # noqa: PLC0414 -- a fixture

DOCUMENT = "/api/openapi.json"
# Of each operation, with the same inputs at every run: the time of this test is bounded.
EXAMPLES = 12
_application = get_wsgi_application()


def with_real_ids(case: Any, known: dict[str, str]) -> Any:
    """The case with ids of things that there are, where its path takes any: made-up ones are all 404."""
    for name in case.path_parameters or {}:
        if name in known:
            case.path_parameters[name] = known[name]
    return case


def site(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The site, each answer closed as a server closes it: with it go the files of its request."""
    answer: Any = _application(environ, start_response)
    try:
        return [b"".join(answer)]
    finally:
        answer.close()


def cases_of(operation: Any) -> list[Any]:
    """Some requests that the document allows for the operation, the same at every run."""
    cases: list[Any] = []
    quick = settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    @quick
    @given(case=operation.as_strategy())
    def collect(case: Any) -> None:
        cases.append(case)

    collect()
    return cases


# A request ends with its database connection given back, which a test inside a transaction cannot do without.
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("actor", ["owner", "outsider"])
def test_d01_e10_no_request_that_the_document_describes_ends_in_an_error_or_a_leak(
    foreign: Foreign, actor: str
) -> None:
    if actor == "owner":
        key = factories.api_key(foreign.organization, foreign.run.created_by)  # type: ignore[arg-type]  # it has one
    else:
        place = factories.organization()
        key = factories.api_key(place, factories.member(place, "owner"))
    headers = {"Authorization": f"Bearer {key}"}
    known = {
        "validation_id": str(foreign.run.pk),
        "batch_id": str(foreign.batch.pk),
        "export_id": str(foreign.export.pk),
        "slug": foreign.organization.slug,
    }
    schema = schemathesis.openapi.from_wsgi(DOCUMENT, site)
    statuses: dict[str, set[int]] = {}

    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]  # an operation that cannot be read fails here
        statuses[operation.label] = answered = set()
        for case in cases_of(operation):
            for one in (case, with_real_ids(case, known)):
                response = one.call(headers=headers)
                # Without a living worker the public health of the queues is 503.
                is_down = response.status_code == 503 and operation.label.endswith("/health/queues")
                assert response.status_code < 500 or is_down, (operation.label, response.text[:300])
                assert actor == "owner" or MARK not in response.text, operation.label
                answered.add(response.status_code)

    assert len(statuses) > 20
    everything = set().union(*statuses.values())
    # The owner gets through to what is theirs; the outsider to nothing of others.
    if actor == "owner":
        assert {200, 202, 404, 422} <= everything
    else:
        theirs = [label for label in statuses if "{validation_id}" in label or "{slug}" in label]
        assert {status for label in theirs for status in statuses[label]} <= {400, 401, 403, 404, 405, 422}
