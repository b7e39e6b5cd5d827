"""Which file systems SQLite can be trusted on. Reads /proc/mounts; opens nothing else."""

import re
from pathlib import Path

# Their locks or their shared memory do not hold between processes, and SQLite's WAL needs both.
NETWORK_TYPES = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "smb3",
        "smbfs",
    }
)
# Of those in user space most are remote (sshfs, s3fs, gcsfuse, ...); these are not.
LOCAL_FUSE_TYPES = frozenset({"fuse.fuse-overlayfs", "fuse.ntfs-3g"})
_MOUNTS = Path("/proc/mounts")


def network_file_system_of(folder: Path, mounts: Path = _MOUNTS) -> str | None:
    """The type of the network file system that holds `folder`, or None where it is a local one (or where
    the system does not say)."""
    try:
        lines = mounts.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return None
    resolved = folder.resolve()
    kind, depth = "", -1
    for line in lines:
        _, mount_point, mount_kind, *_ = line.split(" ")
        point = Path(_unescaped(mount_point))
        # Of two mounts on one point the later covers the earlier.
        if resolved.is_relative_to(point) and len(point.parts) >= depth:
            kind, depth = mount_kind, len(point.parts)
    remote_fuse = kind.startswith("fuse.") and kind not in LOCAL_FUSE_TYPES
    return kind if kind in NETWORK_TYPES or remote_fuse else None


def _unescaped(mount_point: str) -> str:
    """/proc/mounts writes a blank as \\040."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), mount_point)
