"""The operators' part of the JSON API, and the one address that everybody may ask; documented at /api/docs.

The project mounts the routers and says who may call them: this app knows permissions only.
"""

from jobs.api.analyses import router as analyses_router
from jobs.api.operators import router
from jobs.api.public import public_router

__all__ = ["analyses_router", "public_router", "router"]
