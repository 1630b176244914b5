"""The look for known vulnerabilities: a known one fails, an absent service does not."""

import json
import subprocess
from typing import Any

import pytest

from tests import vulnerabilities


def answered(monkeypatch: pytest.MonkeyPatch, *dependencies: dict[str, Any]) -> None:
    """The auditor says this of every lock file."""
    text = json.dumps({"dependencies": dependencies})
    done = subprocess.CompletedProcess([], 0, stdout=text, stderr="")
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_named: done)


def test_a_known_vulnerability_fails_and_is_named(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    vulns = [{"id": "PYSEC-1", "fix_versions": ["2.0"]}]
    answered(monkeypatch, {"name": "thing", "version": "1.0", "vulns": vulns})
    assert vulnerabilities.main() == 1
    assert "thing 1.0: PYSEC-1, mended in 2.0" in capsys.readouterr().out


def test_nothing_known_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    answered(monkeypatch, {"name": "thing", "version": "1.0", "vulns": []})
    assert vulnerabilities.main() == 0


def test_without_a_service_it_says_so_and_passes(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    answered(monkeypatch, {"name": "thing", "skip_reason": "not found"})
    assert vulnerabilities.main() == 0
    assert "nothing was looked up" in capsys.readouterr().out


def test_an_answer_that_is_none_counts_as_no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    done = subprocess.CompletedProcess([], 1, stdout="", stderr="no network")
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_named: done)
    assert vulnerabilities.main() == 0
