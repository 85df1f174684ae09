"""Where things are in a checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ROOT / "services"
VARIANTS = SERVICES / "variants.toml"
CONTRACT = SERVICES / "openapi.yaml"
SCHEMA = SERVICES / "work" / "schema.sql"
LOADTESTS = ROOT / "loadtests"
PLANS = LOADTESTS / "plans"
RESULTS = ROOT / "results"
COMPOSE = ROOT / "compose.yaml"
