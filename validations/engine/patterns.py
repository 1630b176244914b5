"""Records as RFC 4180 wants them, as byte patterns that match in C and never look back."""

import re


class Patterns:
    """Byte patterns of records that are as RFC 4180 wants them, for one dialect and width."""

    def __init__(self, delimiter: bytes, quote: bytes, width: int) -> None:
        d, q = re.escape(delimiter), re.escape(quote)
        plain = rb"[^" + q + d + rb"\n]*+"
        # the quoted way first: the plain way also matches nothing, and a possessive loop does not come back for more
        one_line = q + rb"[^" + q + rb"\n]*+(?:" + q + q + rb"[^" + q + rb"\n]*+)*+" + q + rb"|" + plain
        inside = rb"[^" + q + rb"]*+(?:" + q + q + rb"[^" + q + rb"]*+)*+"
        any_cell = q + inside + q + rb"|" + plain
        repeated = b"{%d}" % (width - 1)
        self.record = re.compile(
            rb"(?:" + one_line + rb")(?:" + d + rb"(?:" + one_line + rb"))" + repeated + rb"\r?"
        )
        self.opening = re.compile(rb"(?:(?:" + any_cell + rb")" + d + rb")*+" + q + inside)
        self.whole = re.compile(rb"(?:" + any_cell + rb")(?:" + d + rb"(?:" + any_cell + rb"))*+\r?")
