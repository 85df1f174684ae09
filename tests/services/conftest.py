"""Fixtures that the tests of the services share."""

import sys
from typing import Any

import pytest
import yaml

from waitbench.paths import CONTRACT, SERVICES

# Services run with their own folder on the path, so tests of services/work do too. It is last, so it hides nothing.
sys.path.append(str(SERVICES))


@pytest.fixture(scope="session")
def contract() -> dict[str, Any]:
    """Load services/openapi.yaml."""
    loaded: dict[str, Any] = yaml.safe_load(CONTRACT.read_text())
    return loaded
