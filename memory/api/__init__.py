"""The doors of memory."""
