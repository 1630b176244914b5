"""Addresses of people: sign-in, home, preferences."""

from django.urls import path

from organizations import views

app_name = "organizations"
urlpatterns = [
    path("", views.home, name="home"),
    path("sign-in/", views.SignInView.as_view(), name="sign-in"),
    path("sign-out/", views.SignOutView.as_view(), name="sign-out"),
    path("preferences/", views.preferences, name="preferences"),
    path("language/", views.change_language, name="language"),
]
