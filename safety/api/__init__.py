"""The doors of safety."""
