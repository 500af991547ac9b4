"""The console's pages of the kernel: what slow lanes put aside, and people's accounts."""

from chimera.kernel.admin import parked, users  # noqa: F401  (each registers)
