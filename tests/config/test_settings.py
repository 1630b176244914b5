"""What the settings make of the environment."""

import json
import os
import re
import subprocess
import sys
import tempfile

from django.conf import settings

NAMES = re.findall(r"^#?([A-Z_]+)=", (settings.BASE_DIR / ".env.example").read_text(), flags=re.MULTILINE)
READ = [
    "ENGINE_TEMP_DIR",
    "UPLOAD_MAX_BYTES",
    "TIME_ZONE",
    "ALLOWED_HOSTS",
    "EMBEDDED_REDIS",
    "SECURE_SSL_REDIRECT",
]


def test_an_empty_variable_is_an_unset_one() -> None:
    show = (
        f"import json; from config import settings as s; print(json.dumps([getattr(s, n) for n in {READ}]))"
    )
    environment = os.environ | dict.fromkeys(NAMES, "")
    shown = subprocess.run(
        [sys.executable, "-c", show], env=environment, cwd=settings.BASE_DIR, capture_output=True, check=True
    )
    assert json.loads(shown.stdout) == [
        tempfile.gettempdir(),
        2 * 1024**3,
        "America/Montreal",
        ["localhost", "127.0.0.1", "[::1]"],
        True,
        False,
    ]


def test_a_server_that_vanishes_without_a_word_is_given_up_unless_the_address_says_otherwise() -> None:
    show = (
        "import json; from config import settings as s; print(json.dumps(s.DATABASES['default']['OPTIONS']))"
    )
    environment = os.environ | {"DATABASE_URL": "postgres://a@b.example/c?connect_timeout=9"}
    shown = subprocess.run(
        [sys.executable, "-c", show], env=environment, cwd=settings.BASE_DIR, capture_output=True, check=True
    )
    options = json.loads(shown.stdout)
    assert (options["connect_timeout"], options["tcp_user_timeout"]) == (9, 15_000)
    assert options["keepalives_idle"] + options["keepalives_interval"] * options["keepalives_count"] == 25
