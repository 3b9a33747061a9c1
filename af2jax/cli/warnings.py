"""Warnings of the package as lines on standard error."""

import logging

shown: set[tuple[str, str]] = set()  # what each warning was about, and its words


def show_warnings(about: str = "") -> None:
    """From now on warnings are shown as "WARNING: about: ...", each of a subject once in a process."""

    def first_time(record: logging.LogRecord) -> bool:
        said = about, record.getMessage()
        return not (said in shown or shown.add(said))

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(f"%(levelname)s: {about}{about and ': '}%(message)s"))
    handler.addFilter(first_time)
    log = logging.getLogger("absl")
    log.handlers, log.propagate = [handler], False
