"""What each operation asks of the person behind a request, whatever way they came in."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

F = TypeVar("F", bound=Callable[..., Any])


def asks_for(permission: str) -> Callable[[F], F]:
    """A decorator: the operation is for who has the permission.

    Raises: PermissionDenied, in the operation, for everybody else.
    """

    def guarded(operation: F) -> F:
        @wraps(operation)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if not request.user.has_perm(permission):
                raise PermissionDenied
            return operation(request, *args, **kwargs)

        return inner  # type: ignore[return-value]  # same signature, as ninja reads it through __wrapped__

    return guarded
