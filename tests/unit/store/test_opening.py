"""What `open_store` refuses, in one sentence for whoever configured it."""

from pathlib import Path

import pytest
from mljob.store import StoreRefused, open_store
from mljob.store.filesystems import network_file_system_of


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "the store's URL cannot be read; expected sqlite:////absolute/path.db or postgresql://"),
        ("no url", "the store's URL cannot be read; expected sqlite:////absolute/path.db or postgresql://"),
        ("mysql://u@h/d", "the store's URL names the database 'mysql'; expected sqlite or postgresql"),
        ("sqlite://", "the store's URL names no file; expected sqlite:////absolute/path.db"),
        ("sqlite:///:memory:", "the store's URL names no file; expected sqlite:////absolute/path.db"),
        ("sqlite:////nowhere/at/all.db", "the folder /nowhere/at of the SQLite store does not exist"),
    ],
)
def test_a_url_that_cannot_work_is_refused(url: str, sentence: str) -> None:
    with pytest.raises(StoreRefused) as caught:
        open_store(url)
    assert str(caught.value).startswith(sentence)


def test_a_refusal_never_shows_the_password() -> None:
    with pytest.raises(StoreRefused) as caught:
        open_store("mysql://user:hunter2@host/db")
    assert "hunter2" not in str(caught.value)


MOUNTS = """\
/dev/vda / ext4 rw,relatime 0 0
server:/export /data nfs4 rw,vers=4.2 0 0
/dev/sdb1 /data/local xfs rw 0 0
//host/share /my\\040share cifs rw 0 0
sshfs /home/user/remote fuse.sshfs rw 0 0
tmpfs /dev/shm tmpfs rw 0 0
overlay /container fuse.fuse-overlayfs rw 0 0
tmpfs /over tmpfs rw 0 0
server:/x /over nfs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/", None),
        ("/var/lib", None),
        ("/data", "nfs4"),
        ("/data/mljob", "nfs4"),
        ("/data/local/mljob", None),
        ("/database", None),
        ("/my share/x", "cifs"),
        ("/home/user/remote", "fuse.sshfs"),
        ("/home/user", None),
        ("/dev/shm", None),
        ("/container/data", None),
        ("/over/it", "nfs"),
    ],
)
def test_network_file_systems_are_told_by_the_mount_that_holds_the_folder(
    tmp_path: Path, folder: str, kind: str | None
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    assert network_file_system_of(Path(folder), mounts) == kind


def test_without_a_list_of_mounts_a_folder_counts_as_local(tmp_path: Path) -> None:
    assert network_file_system_of(tmp_path, tmp_path / "none") is None


def test_a_network_file_system_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mljob.store.engine.network_file_system_of", lambda _folder: "nfs4")
    with pytest.raises(StoreRefused) as caught:
        open_store(f"sqlite:///{tmp_path}/mljob.db")
    assert str(caught.value) == (
        f"the folder {tmp_path} of the SQLite store is on a network file system (nfs4), where SQLite's locks "
        "do not hold; use a volume of a local or block file system, or PostgreSQL"
    )
