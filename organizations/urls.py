"""Addresses of people: sign-in, home, preferences."""

from django.urls import path

from organizations.views import people

app_name = "organizations"
urlpatterns = [
    path("", people.home, name="home"),
    path("preferences/", people.preferences, name="preferences"),
    path("language/", people.change_language, name="language"),
]
