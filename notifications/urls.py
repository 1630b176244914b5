"""The addresses of the inbox, under notices/."""

from django.urls import path

from notifications import views

app_name = "notifications"
urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("read/", views.read_all, name="read-all"),
    path("events/", views.events, name="events"),
    path("unread/", views.unread, name="unread"),
    path("<uuid:notification_id>/", views.open_notice, name="open"),
    path("<uuid:notification_id>/read/", views.read, name="read"),
]
