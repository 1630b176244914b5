"""`make messages` and the translations' part of `make check`.

English stands in the sources, so only the other languages need a catalogue: complete, nothing doubtful in it,
and in step with the sources.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent
APPS = ("config", "jobs", "organizations", "validations", "notifications")
_TRANSLATING = {"_", *(f"{kind}gettext{lazy}" for kind in ("", "n", "p", "np") for lazy in ("", "_lazy"))}
# French puts a no-break space there; an ordinary one lets the mark fall to the next line.
_ORDINARY_SPACE = re.compile(r" [;:?!»](?!\w)|« ")
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
# Markup and placeholders may hold such characters for other reasons.
_NOT_TEXT = re.compile(r"<[^>]*>|%\(\w+\)[sd]|\{[^}]*\}|https?://\S+")


def catalogues(root: Path = ROOT) -> list[Path]:
    """The catalogues of the project, English ones aside."""
    return [path for path in sorted(root.glob("locale/*/LC_MESSAGES/*.po")) if path.parts[-3] != "en"]


def read(path: Path) -> Catalog:
    """The catalogue in the file."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3], abort_invalid=True)


def messages(catalogue: Catalog) -> Iterator[Message]:
    """Its messages, the header aside."""
    return (message for message in catalogue if message.id)


def faults(path: Path) -> Iterator[str]:
    """One sentence for each message that is missing, doubtful, or does not fit its source."""
    catalogue = read(path)
    for message in messages(catalogue):
        source, texts = singular(message), translations(message)
        if message.fuzzy:
            yield f"doubtful (fuzzy): {source!r}"
        elif not (texts and all(texts)):
            yield f"not translated: {source!r}"
        else:
            yield from (f"{error}: {source!r}" for error in message.check(catalogue))
            if not _placeholders_fit(message):
                yield f"placeholders differ: {source!r}"
            if path.parts[-3] == "fr" and any(map(_has_ordinary_space, texts)):
                yield f"ordinary space where French has a no-break one: {source!r}"


def _placeholders_fit(message: Message) -> bool:
    """Whether the translation has the source's placeholders; a plural form may leave the count out."""
    wanted = set(_PLACEHOLDER.findall(" ".join(message.id) if message.pluralizable else singular(message)))
    found = [set(_PLACEHOLDER.findall(text)) for text in translations(message)]
    return all(one <= wanted if message.pluralizable else one == wanted for one in found)


def _has_ordinary_space(text: str) -> bool:
    return bool(_ORDINARY_SPACE.search(_NOT_TEXT.sub("x", text)))


def singular(message: Message) -> str:
    """The message's source text; the first of a plural pair."""
    return message.id if isinstance(message.id, str) else message.id[0]


def translations(message: Message) -> list[str]:
    """The message's translations: one, or one for each plural form."""
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


def extract(root: Path, language: str) -> None:
    """Bring the language's catalogue under root into step with the sources there.

    Raises: subprocess.CalledProcessError, permanent, when gettext cannot read a source.
    """
    (root / "locale" / language / "LC_MESSAGES").mkdir(parents=True, exist_ok=True)
    options = ["--no-obsolete", "--no-location", "--no-wrap", "--locale", language]
    ignored = [f"--ignore={name}" for name in (".venv*", "var", "tests", "benchmarks", "docs")]
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-m", "django", "makemessages", *options, *ignored]
    subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True, text=True)


def hidden(path: Path) -> Iterator[str]:
    """One sentence for each text that gettext does not find, since it stands inside an f-string."""
    for part in ast.walk(ast.parse(path.read_text())):
        if isinstance(part, ast.JoinedStr):
            for call in ast.walk(part):
                if isinstance(call, ast.Call) and ast.unparse(call.func) in _TRANSLATING:
                    yield f"line {call.lineno}: translate it before the f-string: {ast.unparse(call)}"


def out_of_step(path: Path) -> Iterator[str]:
    """One sentence for each message that stands in only one of catalogue and sources; needs gettext."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in (*APPS, "templates"):
            ignore = shutil.ignore_patterns("__pycache__", "*.mo", "*.csv")
            shutil.copytree(ROOT / name, copy / name, ignore=ignore)
        extract(copy, path.parts[-3])
        fresh = {_key(message) for message in messages(read(copy / path.relative_to(ROOT)))}
    stored = {_key(message) for message in messages(read(path))}
    yield from (f"in the sources only: {key[1]!r}" for key in sorted(fresh - stored))
    yield from (f"in the catalogue only: {key[1]!r}" for key in sorted(stored - fresh))


def _key(message: Message) -> tuple[str, str]:
    return (message.context or "", singular(message))


def write() -> int:
    """0 after every language's catalogue was brought into step."""
    for language in {path.parts[-3] for path in catalogues()} or {"fr"}:
        extract(ROOT, language)
    return 0


def check() -> int:
    """0 when every catalogue is complete and in step; 1 after one line for each fault."""
    looks = [faults, out_of_step] if shutil.which("xgettext") else [faults]
    found = [
        f"{path.relative_to(ROOT)}: {fault}"
        for path in catalogues()
        for look in looks
        for fault in look(path)
    ]
    found += [
        f"{path.relative_to(ROOT)}: {fault}"
        for app in APPS
        for path in sorted((ROOT / app).rglob("*.py"))
        for fault in hidden(path)
    ]
    if out_of_step not in looks:
        print("Not compared with the sources: gettext is not installed.")
        found += ["gettext must be installed under CI."] if os.environ.get("CI") else []
    for line in found:
        print(line)
    print(f"{len(catalogues())} catalogues, {len(found)} faults.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(write() if "--write" in sys.argv[1:] else check())
