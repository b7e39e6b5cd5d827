"""Settings: every variable, its default, and what is said of one that cannot be used."""

import pytest
from mljob.logformat import LogFormat
from mljob.server.settings import Auth, Settings, SettingsError, read_settings

URL = {"MLJOB_DATABASE_URL": "sqlite:////data/mljob.db"}


def test_defaults() -> None:
    assert read_settings(URL) == Settings(database_url="sqlite:////data/mljob.db")


def test_all() -> None:
    found = read_settings(
        URL
        | {
            "MLJOB_NAMESPACE": "jobs",
            "MLJOB_WATCH_NAMESPACES": "jobs, other,,jobs",
            "MLJOB_LISTEN_HOST": "10.0.0.1",
            "MLJOB_LISTEN_PORT": "9000",
            "MLJOB_AUTH": "none",
            "KUBECONFIG": "/tmp/config",
            "MLJOB_CLUSTER_ID": "a-uid",
            "MLJOB_RECORD_FINALIZER": "False",
            "MLJOB_BODY_LIMIT_BYTES": "2048",
            "MLJOB_SHUTDOWN_GRACE_SECONDS": "3",
            "MLJOB_LOG_FORMAT": "text",
            "MLJOB_LOG_LEVEL": "debug",
        }
    )
    assert found == Settings(
        database_url="sqlite:////data/mljob.db",
        namespace="jobs",
        watch_namespaces=("jobs", "other"),
        listen_host="10.0.0.1",
        listen_port=9000,
        auth=Auth.NONE,
        kubeconfig="/tmp/config",
        cluster_id="a-uid",
        record_finalizer=False,
        body_limit_bytes=2048,
        shutdown_grace_seconds=3,
        log_format=LogFormat.TEXT,
        log_level="DEBUG",
    )


def test_empty_is_absent() -> None:
    assert read_settings(URL | {"MLJOB_LISTEN_PORT": " ", "MLJOB_NAMESPACE": ""}) == read_settings(URL)


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("MLJOB_DATABASE_URL", "", "is not set: expected e.g. sqlite:"),
        ("MLJOB_LISTEN_PORT", "http", "is 'http': expected a whole number from 0 to 65535"),
        ("MLJOB_LISTEN_PORT", "70000", "is '70000': expected a whole number"),
        ("MLJOB_AUTH", "ldap", "is 'ldap': expected one of none"),
        ("MLJOB_RECORD_FINALIZER", "maybe", "is 'maybe': expected true or false"),
        ("MLJOB_LOG_FORMAT", "xml", "is 'xml': expected one of json, text"),
        ("MLJOB_LOG_LEVEL", "LOUD", "is 'LOUD': expected one of DEBUG"),
        ("MLJOB_BODY_LIMIT_BYTES", "0", "is '0': expected a whole number from 1024"),
    ],
)
def test_unusable_value_is_named_with_what_is_expected(variable: str, value: str, expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(URL | {variable: value})
    assert str(caught.value).startswith(f"{variable} {expected}")
