"""Warnings of the package as lines on standard error."""

import logging

shown: set[tuple[str, str]] = set()  # what each warning was about, and its words


def warn(text: str, *values: object) -> None:
    """A warning of a command, with `values` for each % in `text`; absl is imported here, so that help does without."""
    from absl import logging

    logging.warning(text, *values)


def show_warnings(about: str = "") -> None:
    """From now on warnings are shown as "WARNING: about: ...", each of a subject once in a process."""
    from absl.logging import get_absl_logger

    def first_time(record: logging.LogRecord) -> bool:
        line = about, record.getMessage()
        return not (line in shown or shown.add(line))

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(f"%(levelname)s: {about}{about and ': '}%(message)s"))
    handler.addFilter(first_time)
    log = get_absl_logger()
    log.handlers, log.propagate = [handler], False
