"""As whom a server may run: PostgreSQL refuses root, and its initdb refuses a user without a name."""

import functools
import os
import pwd
import subprocess
import sys
from pathlib import Path

SAME = "same"
LAUNCHER = str(Path(__file__).with_name("launch.py"))


@functools.cache
def unprivileged() -> str:
    """For `launch.py`: ourselves, or a user namespace, or `nobody` where namespaces are refused."""
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return SAME
    inside = _named_user()
    if sys.platform == "linux" and _works(f"namespace:{inside.pw_uid}"):
        return f"namespace:{inside.pw_uid}"
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        return f"drop:{nobody.pw_uid}:{nobody.pw_gid}"
    return SAME


def outer_ids(identity: str) -> tuple[int, int]:
    """The uid and gid that files of a server of this identity have for everybody else."""
    if identity.startswith("drop:"):
        _, uid, gid = identity.split(":")
        return int(uid), int(gid)
    return os.geteuid(), os.getegid()


def _has_name(uid: int) -> bool:
    return any(user.pw_uid == uid for user in pwd.getpwall())


def _named_user() -> pwd.struct_passwd:
    # Not `nobody`: inside a namespace every unmapped owner looks like nobody.
    return next(user for user in pwd.getpwall() if user.pw_uid != 0 and user.pw_name != "nobody")


def _works(identity: str) -> bool:
    command = [
        sys.executable,
        "-I",
        "-S",
        LAUNCHER,
        str(os.getpid()),
        "15",
        identity,
        "--",
        "/bin/sh",
        "-c",
        "exit 0",
    ]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30).returncode == 0
