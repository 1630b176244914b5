"""Addresses of people: sign-in, home, preferences."""

from django.urls import path

from organizations.views import invitation, people

app_name = "organizations"
urlpatterns = [
    path("", people.home, name="home"),
    path("invitation/<str:token>/", invitation.invitation, name="invitation"),
    path("preferences/", people.preferences, name="preferences"),
    path("language/", people.change_language, name="language"),
]
