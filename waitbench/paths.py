"""Where the files of waitbench are.

In a checkout, and in the load container, services/ and loadtests/ are next to waitbench/. An installed package has them
in waitbench/bundle/, because pyproject.toml puts them there in the wheel.
"""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
BUNDLE = PACKAGE / "bundle"
INSTALLED = BUNDLE.is_dir()
"""Whether this is an installed package, which has no Makefile, no compose.yaml and no git commit."""
ROOT = BUNDLE if INSTALLED else PACKAGE.parent
SERVICES = ROOT / "services"
VARIANTS = SERVICES / "variants.toml"
CONTRACT = SERVICES / "openapi.yaml"
SCHEMA = SERVICES / "work" / "schema.sql"
LOADTESTS = ROOT / "loadtests"
PLANS = LOADTESTS / "plans"
COMPOSE = ROOT / "compose.yaml"
