"""The settings of worker processes in tests: the site's own, with the tasks that misbehave on purpose."""

from config import settings as site

globals().update({name: getattr(site, name) for name in dir(site) if name.isupper()})

INSTALLED_APPS = [*site.INSTALLED_APPS, "tests.support.probe"]
