"""The settings of worker processes in tests: the site's own, with the tasks that misbehave on purpose."""

from dataclasses import replace

from config import settings as site

globals().update({name: getattr(site, name) for name in dir(site) if name.isupper()})

INSTALLED_APPS = [*site.INSTALLED_APPS, "tests.support.probe"]
# Small enough to be passed in a moment; files are checked elsewhere.
SMALL_QUEUES = {"critical", "maintenance"}
JOBS_QUEUES = tuple(
    replace(queue, memory_mib=150) if queue.name in SMALL_QUEUES else queue for queue in site.JOBS_QUEUES
)
