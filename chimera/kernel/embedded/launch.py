"""Become a server: tie our life to our parent's, take a harmless identity, and exec. Run with `python -I -S`.

    launch.py PARENT_PID DEATH_SIGNAL IDENTITY -- COMMAND…

IDENTITY is `same`, or `namespace:UID` (a user namespace in which we are UID: PostgreSQL refuses to run as
root, and its initdb wants a user that has a name), or `drop:UID:GID` where namespaces are refused.
"""

import ctypes
import os
import struct
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
CAP_DAC_OVERRIDE = 1
LINUX_CAPABILITY_VERSION_3 = 0x20080522


def enter_namespace(uid: int) -> None:
    """Only `uid` exists inside, and outside it is still us: files stay ours, wherever the folder lies."""
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    new_user_namespace()
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {outer_uid} 1"),
        ("gid_map", f"{uid} {outer_gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as control:
            control.write(line)


def new_user_namespace() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    clone_newuser = 0x10000000
    if libc.unshare(clone_newuser) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER)")


def drop_to(uid: int, gid: int) -> None:
    """Become uid:gid, but keep the right to pass folders that are root's alone (a clone under /root)."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    header = struct.pack("Ii", LINUX_CAPABILITY_VERSION_3, 0)
    mask = 1 << CAP_DAC_OVERRIDE
    if libc.capset(header, struct.pack("6I", mask, mask, mask, 0, 0, 0)) == 0:
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def die_with(parent: int, signal_number: int) -> None:
    """After the change of identity, which clears it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent ended before its server began")


def main() -> None:
    parent, death_signal, identity, separator, *command = sys.argv[1:]
    if separator != "--" or not command:
        sys.exit(__doc__)
    kind, *numbers = identity.split(":")
    if kind == "namespace":
        enter_namespace(int(numbers[0]))
    elif kind == "drop":
        drop_to(int(numbers[0]), int(numbers[1]))
    die_with(int(parent), int(death_signal))
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
