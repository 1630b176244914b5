"""One log record is one line, whatever a message holds."""

import logging
from contextvars import ContextVar
from types import TracebackType

from jobs import tracebacks

# Of the request that is answered now (config.requests); empty outside of one.
request_id: ContextVar[str] = ContextVar("request_id", default="")

# Control characters could forge a second line or drive a terminal; they are shown as escapes instead.
_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F, *range(0x80, 0xA0))} | {
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}


class LineFormatter(logging.Formatter):
    """Time, level, logger, message, then the fields that the caller named, as `key=value`."""

    # Set by `extra=`; the same names everywhere (docs/glossary.md).
    fields = (
        "action",
        "job_id",
        "task",
        "attempt",
        "run_id",
        "organization_id",
        "queue",
        "status",
        "error_class",
    )

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- the name is logging's
        """The record's first line with control characters made visible, so that it cannot be forged."""
        named = "".join(f" {name}={getattr(record, name)}" for name in self.fields if hasattr(record, name))
        # Django tells of an answer when the request is over; its record names the request.
        if name := request_id.get() or getattr(getattr(record, "request", None), "id", ""):
            named += f" request_id={name}"
        return (super().formatMessage(record) + named).translate(_ESCAPES)

    def formatException(  # noqa: N802 -- the name is logging's
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        """Where an error came from, without its message: databases and parsers quote the values of files in theirs."""
        return "" if ei[1] is None else "\n".join(tracebacks.lines_of(ei[1]))
