"""What the SDK tells whoever runs an agent: through logging, to stderr for those who have set up none."""

import logging

log = logging.getLogger("chimera_sdk")


def show_log() -> None:
    """Lines for a newcomer. Who has a handler, here or at the root, has decided already what is to be seen."""
    if log.hasHandlers():
        return
    shown = logging.StreamHandler()
    shown.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    log.addHandler(shown)
    if log.level == logging.NOTSET:
        log.setLevel(logging.INFO)
