"""Warnings of the package as lines on standard error."""

import logging


def show_warnings(about: str = "") -> None:
    """From now on each warning is shown once, as "WARNING: about: ..."."""
    shown: set[str] = set()

    def first_time(record: logging.LogRecord) -> bool:
        return not (record.getMessage() in shown or shown.add(record.getMessage()))

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(f"%(levelname)s: {about}{about and ': '}%(message)s"))
    handler.addFilter(first_time)
    log = logging.getLogger("absl")
    log.handlers, log.propagate = [handler], False
