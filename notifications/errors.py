"""What can go wrong while something is told.

DeliveryError             the medium is away or busy: the same message may leave later
└── UndeliverableError    this message will never arrive there: trying again is of no use
"""

from jobs.errors import JobError, PermanentError


class DeliveryError(JobError):
    """A message did not leave now; `code` says why, without any address or words of a server."""

    permanent = False

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class UndeliverableError(DeliveryError, PermanentError):
    """A message was refused for good."""

    permanent = True
