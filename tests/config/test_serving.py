"""Ports, folders and keys of a site on one machine."""

import socket
from pathlib import Path
from typing import Any

import pytest

from config.folders import make_folders, make_secret_key, write_once
from config.serving import ServingError, open_port, short_queues


def test_a_port_in_use_leads_to_the_next_free_one() -> None:
    with open_port("127.0.0.1", 18500) as first, open_port("127.0.0.1", 18500) as second:
        ports = [listener.getsockname()[1] for listener in (first, second)]
    assert ports[0] >= 18500
    assert ports[1] > ports[0]


def test_an_address_of_another_machine_is_refused_in_words() -> None:
    with pytest.raises(ServingError, match=r"cannot listen on 192\.0\.2\.1"):
        open_port("192.0.2.1", 18500)


def test_the_port_answers_nobody_but_this_machine() -> None:
    with open_port("127.0.0.1", 18600) as listener:
        assert (listener.family, listener.getsockname()[0]) == (socket.AF_INET, "127.0.0.1")


def test_mail_never_waits_for_a_long_file() -> None:
    assert "emails" in short_queues()
    assert "validations" not in short_queues()


def test_folders_are_made_for_this_user_only(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path / "var"
    settings.STATIC_ROOT = tmp_path / "var" / "static"
    settings.MEDIA_ROOT = tmp_path / "var" / "media"
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "var" / "media" / "incoming")
    make_folders()
    modes = {path.stat().st_mode & 0o777 for path in (settings.VAR_DIR, settings.MEDIA_ROOT)}
    assert (modes, Path(settings.FILE_UPLOAD_TEMP_DIR).is_dir()) == ({0o700}, True)


def test_a_machine_gets_one_secret_key_and_keeps_it(settings: Any, tmp_path: Path) -> None:
    settings.SECRET_KEY = settings.INSECURE_SECRET_KEY
    settings.SECRET_KEY_FILE = tmp_path / "secret_key"
    make_secret_key()
    key = settings.SECRET_KEY_FILE.read_text()
    make_secret_key()
    assert (len(key) > 50, settings.SECRET_KEY_FILE.read_text() == key) == (True, True)
    assert settings.SECRET_KEY_FILE.stat().st_mode & 0o777 == 0o600


def test_a_key_from_the_environment_is_not_written_down(settings: Any, tmp_path: Path) -> None:
    settings.SECRET_KEY = "from the environment"
    settings.SECRET_KEY_FILE = tmp_path / "secret_key"
    make_secret_key()
    assert not settings.SECRET_KEY_FILE.exists()


def test_what_is_written_once_stays(tmp_path: Path) -> None:
    path = tmp_path / "word"
    assert [write_once(path, "first"), write_once(path, "second")] == ["first", "first"]
