"""The JSON API of the whole product and its documentation at /api/docs, served without any foreign asset."""

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from config.version import VERSION
from jobs.api import analyses_router
from jobs.api import public_router as health_router
from jobs.api import router as queue_router
from organizations.api import router as organizations_router
from organizations.authentication import API_AUTH, OPERATOR_AUTH
from organizations.limits import RateLimitedError
from validations.api import router as validations_router
from validations.export_api import router as exports_router
from validations.intake import UploadRefusedError

api = NinjaAPI(
    title="Bordereau",
    version=VERSION,
    auth=API_AUTH,
    urls_namespace="api",
    description="Send a billing file, follow its run, read what to fix; for operators, look after the queues.",
)
api.add_router("/validations", validations_router)
api.add_router("/validations", exports_router)
api.add_router("/organizations", organizations_router)
api.add_router("/queue", queue_router, auth=OPERATOR_AUTH)
api.add_router("/queue/analyses", analyses_router, auth=OPERATOR_AUTH)
api.add_router("/health", health_router)


@api.exception_handler(UploadRefusedError)
def refuse(request: HttpRequest, error: UploadRefusedError) -> HttpResponse:
    """A refusal with its stable code and the sentence in the language of the request."""
    response = api.create_response(
        request, {"code": error.code, "message": error.message}, status=error.status
    )
    for name, value in error.headers.items():
        response[name] = value
    return response


@api.exception_handler(RateLimitedError)
def slow_down(request: HttpRequest, error: RateLimitedError) -> HttpResponse:
    """A program that asks too often is told when to come again."""
    body = {
        "code": "rate-limited",
        "message": _("This key may be used %(count)s times a minute. Wait, then try again.")
        % {"count": error.limit},
    }
    response = api.create_response(request, body, status=429)
    response["Retry-After"] = str(error.retry_after)
    return response


@api.exception_handler(HttpError)
def refuse_body(request: HttpRequest, error: HttpError) -> HttpResponse:
    """A body that is no JSON, in the form of every other refusal."""
    body = {"code": "request-invalid", "message": _("The request is not valid.")}
    return api.create_response(request, body, status=error.status_code)


@api.exception_handler(ValidationError)
def explain(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Which fields of the request do not fit, without repeating their values."""
    fields = [
        {"field": ".".join(str(part) for part in item["loc"][1:]), "reason": item["type"]}
        for item in error.errors
    ]
    missing_file = any(item["field"] == "file" for item in fields)
    body = {
        "code": "file-missing" if missing_file else "request-invalid",
        "message": _("Select a file.") if missing_file else _("The request is not valid."),
        "fields": fields,
    }
    return api.create_response(request, body, status=422)


@api.exception_handler(AuthenticationError)
def ask_who(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    """Says how a program names itself."""
    body = {"code": "not-authenticated", "message": _("Send an API key as “Authorization: Bearer …”.")}
    response = api.create_response(request, body, status=401)
    response["WWW-Authenticate"] = "Bearer"
    return response


@api.exception_handler(Http404)
def miss(request: HttpRequest, error: Http404) -> HttpResponse:
    """What does not exist and what belongs to others: one answer for both."""
    return api.create_response(
        request, {"code": "not-found", "message": _("There is nothing here.")}, status=404
    )


@api.exception_handler(PermissionDenied)
def forbid(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    """A member's role that does not reach."""
    return api.create_response(
        request, {"code": "forbidden", "message": _("Your role does not allow this.")}, status=403
    )
