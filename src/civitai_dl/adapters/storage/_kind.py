"""What kind of file system an archive lies on."""

from __future__ import annotations

import sys
from pathlib import Path

NETWORK = frozenset(
    {"9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"}
    | {"gfs2", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb2", "smb3", "smbfs"}
)
"""Names of file systems that several machines may write to at once."""

NEAR = frozenset({"bcachefs", "btrfs", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"})
"""Names of file systems that keep what is written to them in this machine's memory at first."""


def kind_of(path: Path) -> str:
    """The name of the file system, as the mount table has it; "" where there is no such table."""
    if sys.platform != "linux":
        return ""
    try:
        table = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
        place = path.resolve()
    except OSError:
        return ""
    best, kind = -1, ""
    for line in table.splitlines():
        before, _, after = line.partition(" - ")
        fields, mounted = before.split(), after.split()
        if len(fields) < 5 or not mounted:
            continue
        point = Path(fields[4].replace("\\040", " "))
        # Of two mounts on one point the later one is seen.
        if (point == place or point in place.parents) and len(point.parts) >= best:
            best, kind = len(point.parts), mounted[0]
    return kind


def may_be_shared(path: Path) -> bool:
    """Whether another machine may write here too. True only where that is known."""
    return kind_of(path) in NETWORK
