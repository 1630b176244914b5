"""The language and time zone in which one request is answered."""

import zoneinfo

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import timezone, translation
from django.utils.cache import patch_cache_control


class PreferencesMiddleware(LocaleMiddleware):
    """The person's stored choice first; then the cookie of the language switch, then Accept-Language."""

    def process_request(self, request: HttpRequest) -> None:
        """Activate language and time zone for this request."""
        super().process_request(request)
        user = request.user
        if not user.is_authenticated:
            timezone.deactivate()
            return
        if user.language:
            translation.activate(user.language)
            request.LANGUAGE_CODE = translation.get_language()
        _activate_time_zone(user.time_zone)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """The answer with its language named, and kept by nobody where a person is signed in."""
        timezone.deactivate()
        user = getattr(request, "user", None)
        if user is not None and user.is_authenticated and not response.has_header("Cache-Control"):
            # The next person at a shared screen must not find it by the "back" button.
            patch_cache_control(response, private=True, no_store=True)
        return super().process_response(request, response)


def _activate_time_zone(name: str) -> None:
    if name and name in zoneinfo.available_timezones():
        timezone.activate(zoneinfo.ZoneInfo(name))
    else:
        timezone.deactivate()
