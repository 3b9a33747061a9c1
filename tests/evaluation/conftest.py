"""The plots of pages are not rendered in tests of numbers."""

from tests.report.conftest import undrawn  # noqa: F401
