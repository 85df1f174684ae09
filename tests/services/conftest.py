"""What the tests of the services share."""

import sys
from typing import Any

import pytest
import yaml

from waitbench.paths import CONTRACT, SERVICES

# The services run with their own folder on the path; so do the tests of services/work. Last, so that it hides nothing.
sys.path.append(str(SERVICES))


@pytest.fixture(scope="session")
def contract() -> dict[str, Any]:
    """services/openapi.yaml as data."""
    loaded: dict[str, Any] = yaml.safe_load(CONTRACT.read_text())
    return loaded
