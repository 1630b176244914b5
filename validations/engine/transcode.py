"""The bytes of a file as UTF-8, a block at a time, with every byte that has no meaning reported."""

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from validations.engine.encoding import CP1252_UNDEFINED, NON_ASCII_RUN, Encoding, blocks, undouble

ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
REPLACEMENT = "\ufffd"

# offset of the byte in the file, physical line, how the byte was read
BadByteSink = Callable[[int, int, str], None]


@dataclass(slots=True)
class Transcoder:
    """Yields a file as UTF-8 blocks; `on_bad_byte` hears of each byte that the encoding cannot hold."""

    path: Path
    encoding: Encoding
    bom_bytes: int = 0
    on_bad_byte: BadByteSink | None = None
    latin1_is_enough: bool = False  # no byte where Windows-1252 and Latin-1 differ; Latin-1 decodes faster
    offset: int = 0
    line: int = 1

    def __iter__(self) -> Iterator[bytes]:
        """The blocks, in order.

        Raises: UnreadableFileError source-error when the file cannot be read.
        """
        self.offset, self.line = self.bom_bytes, 1
        stream = blocks(self.path, self.bom_bytes)
        if (
            self.encoding.name == "utf-8"
            and self.encoding.how == "valid"
            and not self.encoding.double_encoded
        ):
            yield from stream
            return
        name = "latin-1" if self.latin1_is_enough else self.encoding.name
        wide = name.startswith(("utf-16", "utf-32"))
        decoder = codecs.getincrementaldecoder(name)("replace" if wide else "surrogateescape")
        for block in stream:
            yield self._encode(decoder.decode(block))
        tail = decoder.decode(b"", final=True)
        if tail:
            yield self._encode(tail)

    def _encode(self, text: str) -> bytes:
        if self.encoding.double_encoded:
            text = NON_ASCII_RUN.sub(lambda run: undouble(run[0]) or run[0], text)
        wide = self.encoding.name.startswith(("utf-16", "utf-32"))
        if wide and REPLACEMENT in text:
            self._report_wide(text)
        try:
            data = text.encode("utf-8")
        except UnicodeEncodeError:
            data = self._repair(text).encode("utf-8", errors="replace")
        if self.on_bad_byte is not None and not self.latin1_is_enough:  # Latin-1 has a letter for every byte
            self.line += data.count(b"\n")
            self.offset += self._source_bytes(text, data)
        return data

    def _source_bytes(self, text: str, data: bytes) -> int:
        """How many bytes of the file the text stood in."""
        name = self.encoding.name
        if name == "utf-8":
            return len(text.encode("utf-8", errors="surrogateescape")) if not text.isascii() else len(data)
        return len(text) * (4 if name.startswith("utf-32") else 2 if name.startswith("utf-16") else 1)

    def _report_wide(self, text: str) -> None:
        width = 2 if self.encoding.name.startswith("utf-16") else 4
        for match in re.finditer(REPLACEMENT, text):
            line = self.line + text.count("\n", 0, match.start())
            self._report(self.offset + width * match.start(), line, REPLACEMENT)

    def _repair(self, text: str) -> str:
        """The text with each meaningless byte read as Windows-1252 where that has a letter for it, and reported."""
        parts: list[str] = []
        end, line, offset = 0, self.line, self.offset
        for match in ESCAPED_BYTE.finditer(text):
            clean = text[end : match.start()]
            line += clean.count("\n")
            offset += len(clean.encode("utf-8")) if self.encoding.name == "utf-8" else len(clean)
            code = ord(match[0]) - 0xDC00
            letter = REPLACEMENT if code in CP1252_UNDEFINED else bytes([code]).decode("cp1252")
            self._report(offset, line, letter)
            parts += (clean, letter)
            end = match.end()
            offset += 1
        parts.append(text[end:])
        return "".join(parts)

    def _report(self, offset: int, line: int, letter: str) -> None:
        if self.on_bad_byte is not None:
            self.on_bad_byte(offset, line, letter)
