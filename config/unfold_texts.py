"""Texts of django-unfold, which comes without French: named here so that our catalogue translates them."""

from django.utils.translation import gettext_noop as _

TEXTS = (
    _("After you've created a user, you’ll be able to edit more user options."),
    _("Apply Filters"),
    _("Choose file to upload"),
    _("Clear all filters"),
    _("Click to download"),
    _("Dark"),
    _("Date from"),
    _("Date to"),
    _("Expand row"),
    _("False"),
    _("Filters"),
    _("From"),
    _("General"),
    _("Go back"),
    _("Light"),
    _("Loading more results..."),
    _("More actions"),
    _("No data"),
    _("No recent searches"),
    _("No results matching your query"),
    _(
        "Raw passwords are not stored, so there is no way to see this user’s password, but you can change the "
        'password using <a href="{}" class="text-primary-600 dark:text-primary-500">this form</a>.'
    ),
    _("Recent searches"),
    _("Return to site"),
    _("Search apps and models..."),
    _("Select action"),
    _("Select action to run"),
    _("Select all rows"),
    _("Select record"),
    _("Select value"),
    _("Submit"),
    _("System"),
    _("This item will be deleted."),
    _("To"),
    _("Toggle password visibility"),
    _("True"),
    _("Type to search"),
)
