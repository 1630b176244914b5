"""What a web process does once before its first request."""

import atexit
import gc

from django.urls import get_resolver


def load_site() -> None:
    """Load what requests need, and keep the garbage collector from looking through it ever again.

    A full collection looks at every object there is: with the whole site loaded that stands still for 75 ms, in the
    middle of somebody's request. What is loaded now stays until the process ends.
    """
    get_resolver().url_patterns  # noqa: B018 -- reading it imports every view
    gc.collect()
    gc.freeze()
    # Libraries in C complain at the end about objects that nobody let go.
    atexit.register(gc.unfreeze)
