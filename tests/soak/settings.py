"""The settings of a soak: the site's own, with the tasks that leave effects."""

from config import settings as site

globals().update({name: getattr(site, name) for name in dir(site) if name.isupper()})

INSTALLED_APPS = [*site.INSTALLED_APPS, "tests.soak"]
