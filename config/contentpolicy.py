"""What a page may load and run, told to the browser: nothing from elsewhere, and no script within the page.

Escaping keeps a file name or a cell text; this is the second wall, should a template forget it.
"""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin

HEADER = "Content-Security-Policy"
# Bars and charts carry their lengths in style attributes; an icon may stand in a stylesheet as data.
_COMMON = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PAGES = f"{_COMMON}; script-src 'self'"
# The theme of the admin writes scripts into its pages and evaluates attributes (Alpine.js).
ADMIN = f"{_COMMON}; script-src 'self' 'unsafe-inline' 'unsafe-eval'"


class ContentPolicyMiddleware(MiddlewareMixin):
    """Names the policy on every answer that names none itself."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """The answer with its policy."""
        is_admin = request.path_info.startswith(reverse("admin:index"))
        response.headers.setdefault(HEADER, ADMIN if is_admin else PAGES)
        return response
