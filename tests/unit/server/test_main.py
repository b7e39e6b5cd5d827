"""The process refuses settings that cannot work, in one sentence, before it does anything."""

from pathlib import Path

import pytest
from mljob.server.__main__ import main

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: c
clusters: [{name: c, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: u, user: {}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
"""


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("MLJOB_DATABASE_URL", "", "MLJOB_DATABASE_URL is not set"),
        ("MLJOB_DATABASE_URL", "mysql://x", "'mysql'"),
        ("MLJOB_DATABASE_URL", "sqlite:////no/such/folder/mljob.db", "/no/such/folder"),
        ("MLJOB_LISTEN_PORT", "x", "MLJOB_LISTEN_PORT is 'x'"),
        ("KUBECONFIG", "/no/such/file", "No way to reach a cluster"),
    ],
)
def test_settings_that_cannot_work(
    variable: str,
    value: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text(KUBECONFIG)
    monkeypatch.setenv("MLJOB_DATABASE_URL", f"sqlite:///{tmp_path}/mljob.db")
    monkeypatch.setenv("KUBECONFIG", str(config))
    monkeypatch.setenv(variable, value)
    assert main() == 2
    said = capsys.readouterr().err
    assert said.startswith("mljob-server: ")
    assert words in said
    assert len(said.splitlines()) == 1
