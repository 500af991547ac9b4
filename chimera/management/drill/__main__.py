"""`python -m chimera.management.drill prepare | relay | spend | reconcile …`: the drill's processes; `manage.py drill` starts them."""

import sys
from importlib import import_module

import django

ROLES = {"prepare": "preparing", "relay": "relaying", "spend": "spending", "reconcile": "reconciling"}

if __name__ == "__main__":
    role, *words = sys.argv[1:]
    django.setup()
    import_module(f"chimera.management.drill.{ROLES[role]}").run(*words)
