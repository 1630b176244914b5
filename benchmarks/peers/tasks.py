"""The Procrastinate task; its Django app looks for tasks in modules of this name."""

from procrastinate.contrib.django import app


@app.task
def empty() -> None:
    """Do nothing."""
