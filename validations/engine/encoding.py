"""Which letters the bytes of a file stand for, decided on the whole file with flat memory.

UTF-8 is proven or refuted byte by byte. What is not UTF-8 is in practice one of six single-byte encodings,
which no byte can refute; there the question is which of them makes French words of the bytes above 0x7F.

Source: docs/decisions/0003-reading-design.md
"""

import codecs
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from validations.engine.errors import UnreadableFileError

BLOCK_BYTES = 1024 * 1024  # fits the processor's cache; larger blocks were slower
CONTEXTS_PER_BLOCK = 500  # neighbors of high bytes looked at; every byte is counted all the same
SINGLE_BYTE = ("cp1252", "iso8859-15", "mac-roman", "cp850", "cp437")  # the first wins a tie

BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

ASCII = bytes(range(128))
HIGH = re.compile(rb"[\x80-\xff]")
# the bytes in which the six encodings differ for French, so that a rare one is seen among many others
DISTINCTIVE = re.compile(rb"[\x80-\x9f\xa4\xa6\xa8\xb4\xb8\xbc-\xbe]")
UNTELLING = bytes(code for code in range(256) if not DISTINCTIVE.match(bytes([code])))
C1_BYTES = bytes(range(0x80, 0xA0))
CP1252_UNDEFINED = b"\x81\x8d\x8f\x90\x9d"
# what French has beyond ASCII; as UTF-8 each begins with a byte that French in a single-byte encoding does not have
WESTERN = re.compile("[\u00a0-\u00ffŒœŸ–—‘’‚“”„…€]")
MIXED_SHARE = 0.1  # one accent in ten that is surely UTF-8: part of the file is, and what is not is reported


@dataclass(slots=True)
class Scan:
    """What one pass over the whole file counted."""

    size_bytes: int = 0
    had_bom: bool = False
    high_bytes: set[int] = field(default_factory=set)
    contexts: Counter[tuple[bytes, bytes, bytes]] = field(default_factory=Counter)
    sequences: int = 0  # valid UTF-8 sequences of more than one byte
    western: int = 0  # those of them that stand for what French has
    invalid: int = 0  # places where the bytes are not UTF-8
    double_encoded: int = 0  # sequences that are UTF-8 read as Windows-1252 and written as UTF-8 again
    single_encoded: int = 0  # other sequences of more than one byte
    nul_count: int = 0
    crlf: int = 0
    lf: int = 0  # line feeds, those of CR LF included
    cr: int = 0  # carriage returns, those of CR LF included
    content: bool = False  # anything beside white space and NULs


@dataclass(frozen=True, slots=True)
class Encoding:
    """The encoding decided on and how."""

    name: str
    how: str  # bom, valid, statistics, declared, zeros (UTF-16 told by its zero bytes)
    confidence: float
    double_encoded: bool = False


def blocks(path: Path, skip_bytes: int = 0) -> Iterator[bytes]:
    """The bytes of a file, a block at a time.

    Raises: UnreadableFileError source-error when the file cannot be opened or read.
    """
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(skip_bytes)
            while block := file.read(BLOCK_BYTES):
                yield block
    except OSError:
        raise UnreadableFileError("source-error") from None


def wide_encoding(head: bytes) -> tuple[str | None, str]:
    """UTF-16 or UTF-32 with or without byte order mark, or UTF-8 with one; else None; and how it was told."""
    for bom, name in BOMS:
        if head.startswith(bom):
            return name, "bom"
    pairs = len(head) // 2
    if pairs >= 4:
        even, odd = head[0 : 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
        if odd > 0.4 * pairs and even < 0.05 * pairs:
            return "utf-16-le", "zeros"
        if even > 0.4 * pairs and odd < 0.05 * pairs:
            return "utf-16-be", "zeros"
    return None, ""


def bom_bytes(head: bytes, name: str) -> int:
    """How many bytes of a byte order mark stand before the text."""
    return next((len(bom) for bom, known in BOMS if known == name and head.startswith(bom)), 0)


def scan(stream: Iterable[bytes], on_block: Callable[[], None]) -> Scan:
    """The counts of one pass over a file, given as blocks of an encoding that keeps ASCII bytes as they are."""
    seen = Scan()
    utf8 = _Utf8Checker(seen)
    ends_in_cr = False
    for block in stream:
        on_block()
        seen.size_bytes += len(block)
        _count_lines(seen, block, ends_in_cr=ends_in_cr)
        ends_in_cr = block.endswith(b"\r")
        if not block.isascii() or utf8.pending:
            utf8.feed(block)
            if utf8.doubtful:
                _count_contexts(seen, block)
    utf8.finish()
    return seen


def _count_contexts(seen: Scan, block: bytes) -> None:
    """Note which high bytes occur, and the neighbors of the first of them and of those that tell encodings apart."""
    high = block.translate(None, ASCII)
    seen.high_bytes.update(high)
    _count_neighbors(seen, block, HIGH)
    if high.translate(None, UNTELLING):
        _count_neighbors(seen, block, DISTINCTIVE)


def _count_neighbors(seen: Scan, block: bytes, pattern: re.Pattern[bytes]) -> None:
    for match in itertools.islice(pattern.finditer(block), CONTEXTS_PER_BLOCK):
        place = match.start()
        before, after = block[max(0, place - 1) : place], block[place + 1 : place + 2]
        seen.contexts[before if before.isascii() else b"", match[0], after if after.isascii() else b""] += 1


def _count_lines(seen: Scan, block: bytes, *, ends_in_cr: bool) -> None:
    seen.lf += block.count(b"\n")
    if b"\r" in block or ends_in_cr:
        seen.cr += block.count(b"\r")
        seen.crlf += block.count(b"\r\n") + (ends_in_cr and block.startswith(b"\n"))
    if b"\0" in block:
        seen.nul_count += block.count(b"\0")
    seen.content = seen.content or bool(block.strip(b" \t\r\n\0\x0c\x1a"))


class _Utf8Checker:
    """Counts valid and invalid UTF-8 sequences of a stream."""

    def __init__(self, seen: Scan) -> None:
        self.seen = seen
        self.pending = b""
        self.gave_up = False

    def feed(self, block: bytes) -> None:
        if self.gave_up:
            return
        data = self.pending + block
        keep = _incomplete_tail(data)
        self.pending = data[len(data) - keep :]
        self._count(data[: len(data) - keep])

    def finish(self) -> None:
        if self.pending and not self.gave_up:
            self.seen.invalid += 1

    @property
    def doubtful(self) -> bool:
        """True once a byte was seen that is not UTF-8; only then do the neighbors of high bytes matter."""
        return self.seen.invalid > 0

    def _count(self, data: bytes) -> None:
        text = data.decode("utf-8", errors="surrogateescape")
        for run, count in Counter(NON_ASCII_RUN.findall(text)).items():
            invalid = sum("\udc80" <= char <= "\udcff" for char in run)
            self.seen.invalid += count * invalid
            self.seen.sequences += count * (len(run) - invalid)
            self.seen.western += count * len(WESTERN.findall(run))
            if invalid == 0 and len(run) > 1 and undouble(run) is not None:
                self.seen.double_encoded += count
            elif invalid == 0:
                self.seen.single_encoded += count
        # a file this far from UTF-8 will not become it; the rest of the pass is faster without
        self.gave_up = self.seen.invalid > 200 and self.seen.invalid > self.seen.sequences


NON_ASCII_RUN = re.compile(r"[^\x00-\x7f]+")


def _incomplete_tail(data: bytes) -> int:
    """How many bytes at the end begin a UTF-8 sequence that goes on in the next block."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return back if back < needed else 0
        if byte < 0x80:
            return 0
    return 0


CP1252_BYTE = {bytes([code]).decode("cp1252"): code for code in range(256) if code not in CP1252_UNDEFINED}
CP1252_BYTE |= {chr(code): code for code in CP1252_UNDEFINED}


def undouble(run: str) -> str | None:
    """The text that was UTF-8, read as Windows-1252 and written as UTF-8 again; None when it was not."""
    try:
        repaired = bytes(CP1252_BYTE[char] for char in run).decode("utf-8")
    except (KeyError, UnicodeDecodeError):
        return None
    return repaired if repaired != run else None


def decide(seen: Scan, *, had_bom: bool) -> Encoding:
    """The encoding of a file that keeps ASCII bytes as they are, from the counts of its whole."""
    doubled = seen.double_encoded >= 2 and seen.single_encoded == 0 and seen.invalid == 0
    if had_bom:
        return Encoding("utf-8", "bom", 1.0 if not seen.invalid else 0.9, doubled)
    if not seen.invalid:
        return Encoding("utf-8", "valid", 1.0 if seen.sequences > 3 else 0.98, doubled)
    if seen.sequences > 2 * seen.invalid or seen.western >= MIXED_SHARE * seen.invalid:
        return Encoding("utf-8", "statistics", round(seen.sequences / (seen.sequences + seen.invalid), 3))
    return _single_byte(seen)


def _single_byte(seen: Scan) -> Encoding:
    scores = {name: _plausibility(name, seen) for name in SINGLE_BYTE}
    ranked = sorted(SINGLE_BYTE, key=lambda name: -scores[name])
    best, second = ranked[0], ranked[1]
    if scores[best] <= scores["cp1252"]:
        best = "cp1252"
    others = [scores[name] for name in SINGLE_BYTE if name != best and not _same_letters(best, name, seen)]
    margin = (scores[best] - max(others, default=scores[second] - 1)) / max(1, sum(seen.contexts.values()))
    confidence = round(max(0.5, min(0.99, 0.6 + margin / 4)), 3)
    if best == "cp1252" and seen.high_bytes & set(CP1252_UNDEFINED):
        best = "latin-1" if _plausibility("latin-1", seen) >= scores["cp1252"] else best
    return Encoding(best, "statistics", confidence)


def _same_letters(one: str, other: str, seen: Scan) -> bool:
    present = bytes(seen.high_bytes)
    return present.decode(one, errors="replace") == present.decode(other, errors="replace")


def _plausibility(name: str, seen: Scan) -> float:
    """How much French the high bytes make in an encoding: a sum over every place looked at."""
    total = 0.0
    for (before, byte, after), count in seen.contexts.items():
        char = byte.decode(name, errors="replace")
        total += count * _weight(char, before.decode("latin-1"), after.decode("latin-1"))
    return total


FRENCH_LOWER = frozenset("éèêëàâçîïôûùœ")
FRENCH_UPPER = frozenset("ÉÈÊËÀÂÇÎÏÔÛÙŒ")
APOSTROPHES = frozenset("’‘")
QUIET = frozenset("\u00a0«»“”„–—…°•·€²³½¼¾§©®™ªº")  # punctuation that stands beside words, not inside them


def _weight(char: str, before: str, after: str) -> float:
    """How plausible one character is between its neighbors, in French; below zero is implausible."""
    inside = before.isalpha() and after.isalpha()
    if char in FRENCH_LOWER:
        beside_capital = before.isupper() and after.isupper()
        return -1.0 if beside_capital else 3.0 if before.isalpha() or after.isalpha() else 1.0
    if char in FRENCH_UPPER:
        return -2.0 if before.islower() else 2.5 if after.isalpha() or before.isupper() else 1.0
    if char in APOSTROPHES:
        return 3.0 if inside else 0.5
    if char in QUIET:
        return _punctuation_weight(char, before, inside=inside)
    if char.isalpha():
        return _foreign_weight(char, before, after)
    return -6.0 if char == "\ufffd" or not char.isprintable() else -2.5


def _punctuation_weight(char: str, before: str, *, inside: bool) -> float:
    if inside:
        return -2.0
    if char == "€":
        return 2.0 if before.isdigit() or before in " \u00a0;,\t" else -0.5
    if char in "½¼¾²³":
        return 1.0 if before.isdigit() or before in " m" else -0.5
    return 1.0


def _foreign_weight(char: str, before: str, after: str) -> float:
    if not (before.isalpha() or after.isalpha()):
        return -0.5
    if char.isupper() and before.islower():
        return -2.0
    if char.islower() and before.isupper() and after.isupper():
        return -1.5
    return 0.8 if char in "áíóúñäöüßãõåøæìòÁÍÓÚÑÄÖÜÅØÆ" else 0.0
