"""What the tests of audits share."""

import pytest

from af2jax.audit.explore import explore
from tests.audit import sets


@pytest.fixture
def found(tmp_path):
    """`found(rows, *targets)`: the findings of a table, by kind; the worst of a kind counts."""

    def found(rows, *targets):
        out = explore(sets.save(tmp_path, rows), targets).findings
        return {finding.kind: finding for finding in reversed(out)}

    return found
