"""What `waitbench check` looks at, against each live service as it should be."""

import pytest

from waitbench.check import check_service
from waitbench.service import Service
from waitbench.variants import Variant

pytestmark = pytest.mark.live


def test_every_check_holds(service: Service, variant: Variant) -> None:
    findings = check_service(service, variant)
    assert [finding for finding in findings if not finding.good] == []
    assert {finding.group for finding in findings} == {"contract", "timing", "overlap", "budget"}
