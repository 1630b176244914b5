"""`manage.py worker_health`: whether the workers of this machine or container live, for the probe of a container."""

import socket
import sys
from argparse import ArgumentParser
from typing import Any

import psutil
from django.core.management.base import BaseCommand
from django.db import DatabaseError

from jobs import census
from jobs.models import WorkerProcess
from jobs.processes import DISPATCHER_NAME


class Command(BaseCommand):
    """Thin: asks for the workers' rows, and looks at their processes."""

    help = "Exit status 0 when this host's workers were seen lately and their dispatchers live, else 1."
    # A probe runs every few seconds: whether the settings are right was asked when the worker started.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The options."""
        parser.add_argument("--name", help="this worker alone; without it, all of this host")

    def handle(self, *args: Any, **options: Any) -> None:
        """Say how the workers are; 1 when one is not well or none is there."""
        host = socket.gethostname()[:100]
        try:
            workers = list(census.living_workers().filter(host=host))
        except DatabaseError as error:
            # A restart would not bring it back, and workers wait for it by themselves.
            self.stdout.write(f"The database does not answer ({type(error).__name__}): nothing can be said.")
            return
        if options["name"]:
            workers = [worker for worker in workers if worker.name == options["name"]]
        if not workers:
            self.stderr.write(f"No worker of {host} gave a sign of life lately.")
            sys.exit(1)
        trouble = [text for worker in workers if (text := trouble_of(worker))]
        for text in trouble:
            self.stderr.write(text)
        if trouble:
            sys.exit(1)
        self.stdout.write(f"{len(workers)} worker(s) of {host} are well.")


def _living_name(process: psutil.Process) -> str:
    """The name of a process; empty for one that has ended, be it in this very moment."""
    try:
        return process.name() if process.status() != psutil.STATUS_ZOMBIE else ""
    except psutil.NoSuchProcess:
        return ""


def trouble_of(worker: WorkerProcess) -> str:
    """What is wrong with a worker's processes on this machine, in one sentence; empty when nothing is."""
    try:
        children = psutil.Process(worker.pid).children()
    except psutil.NoSuchProcess:
        return f"The process of {worker.name} is gone."
    names = {_living_name(child) for child in children}
    # One that stops ends its dispatcher before its last job.
    if worker.stopping_at is not None or DISPATCHER_NAME in names:
        return ""
    return f"{worker.name} has no dispatcher."
