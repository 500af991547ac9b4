"""What `manage.py campaign` does: read a brief, start it through the public API, follow it, and write down how it went.

A client like any other: HTTP only, no models, no settings.
"""
