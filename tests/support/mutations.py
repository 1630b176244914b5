"""What happens to files on their way: bytes lost, doubled, replaced and put in."""

import io
import random
import zipfile

from tests.support.workbooks import packed


def mutated(data: bytes, chance: random.Random) -> bytes:
    """The bytes with a few things done to them that files suffer."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 12)):
        place = chance.randrange(len(changed))
        what = chance.choice(
            [b'"', b"'", b";", b"\n", b"\r", b"\0", b"\xff", b"\xe9", b"\\", b'""', b"\xef\xbb\xbf"]
        )
        match chance.randrange(4):
            case 0:
                changed[place:place] = what
            case 1:
                changed[place : place + chance.randrange(1, 40)] = b""
            case 2:
                changed[place : place + 1] = what * chance.randrange(1, 4)
            case _:
                other = chance.randrange(len(changed))
                changed[place:place] = changed[other : other + 200]
        if not changed:
            return b""
    return bytes(changed)


def mutated_workbook(data: bytes, chance: random.Random) -> bytes:
    """A workbook spoilt as an archive, or in one of its parts and packed again, so that the spoilt part is reached."""
    if chance.random() < 0.3:
        return mutated(data, chance)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
    name = chance.choice(sorted(parts))
    content = parts[name]
    assert isinstance(content, bytes)
    if chance.random() < 0.1:
        del parts[name]
    elif chance.random() < 0.4:
        parts[name] = _other_numbers(content, chance)
    else:
        parts[name] = mutated(content, chance)
    return packed(parts)


def _other_numbers(content: bytes, chance: random.Random) -> bytes:
    """The bytes with a few digits changed: addresses, counts, indexes of texts and of styles."""
    changed = bytearray(content)
    places = [place for place, code in enumerate(changed) if 48 <= code <= 57]
    for place in chance.sample(places, min(len(places), chance.randint(1, 8))):
        changed[place : place + 1] = chance.choice([b"9", b"0", b"-1", b"99999", b"1e400", b"4294967296"])
    return bytes(changed)
