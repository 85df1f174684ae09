"""compose.yaml has the variants of services/variants.toml, and keeps its promises. No engine is needed."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.serve import server_command
from waitbench.catalog.variants import load_variants
from waitbench.launch.compose import settings
from waitbench.launch.postgres import SETTINGS
from waitbench.paths import COMPOSE
from waitbench.paths import VARIANTS as VARIANTS_FILE

TEXT = COMPOSE.read_text()
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = FILE["services"]
VARIANTS = {name: variant for name, variant in load_variants().items() if variant.containers}
PROFILES = {name: variant.profile for name, variant in VARIANTS.items() if variant.profile}
SUPPORT = {"upstream", "postgres", "results", "load"}


def test_it_has_the_variants_of_the_list_and_no_others() -> None:
    assert set(SERVICES) - SUPPORT == set(VARIANTS)


def test_a_variant_with_a_profile_starts_only_when_the_profile_is_chosen() -> None:
    profiles = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    assert profiles == {name: [profile] for name, profile in PROFILES.items()}
    started = set(VARIANTS) - set(PROFILES)
    assert started == {"flask-threads", "django-gevent", "fastapi-asyncio"}


@pytest.mark.parametrize(("profiles", "expected"), [(["instruments", "traps"], "instruments,traps"), ([], None)])
def test_a_run_from_outside_starts_the_profiles_of_the_chosen_variants(
    profiles: list[str], expected: str | None
) -> None:
    variables = settings(Path("plans/smoke.toml"), [], Path("results"), 8089, profiles)
    assert variables.get("COMPOSE_PROFILES") == expected


@pytest.mark.parametrize("name", [name for name, variant in VARIANTS.items() if not variant.program])
def test_a_variant_is_started_by_its_name_alone(name: str) -> None:
    assert SERVICES[name]["command"] == [name]


@pytest.mark.parametrize("name", [name for name, variant in VARIANTS.items() if variant.program])
def test_a_program_that_is_not_python_is_started_as_serve_py_starts_it(name: str) -> None:
    command, environment = server_command(VARIANTS_FILE, name, "0.0.0.0", 8000)
    assert shlex.split(SERVICES[name]["command"]) == command[1:]
    declared, addresses = SERVICES[name]["environment"], set(SERVICES["flask-threads"]["environment"])
    wanted = {key: value for key, value in environment.items() if key.startswith("WAITBENCH_") and value != "0"}
    assert {key: value for key, value in declared.items() if key not in addresses} == wanted
    assert addresses <= set(declared)


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_locked_down(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert name == "results" or "cap_add" not in service
    assert "privileged" not in service


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"results"}))
def test_every_lasting_container_has_limits_that_variables_set(name: str) -> None:
    assert re.fullmatch(r"\$\{WAITBENCH_\w+_CPUS:-\d+\}", SERVICES[name]["cpuset"])
    assert re.fullmatch(r"\$\{WAITBENCH_\w+_MEMORY:-\d+g\}", SERVICES[name]["mem_limit"])


def test_only_variants_that_serve_disk_have_a_disk() -> None:
    mounted = {name for name, service in SERVICES.items() if "scratch:/scratch" in service.get("volumes", [])}
    assert mounted == {name for name, variant in VARIANTS.items() if variant.serves("disk")}
    assert FILE["volumes"] == {"scratch": {}}
    assert {SERVICES[name]["environment"]["WAITBENCH_SCRATCH_DIR"] for name in mounted} == {"/scratch"}


def test_the_only_port_is_the_web_ui_on_loopback() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {"load": ["127.0.0.1:${WAITBENCH_UI_PORT:-8089}:8089"]}


def test_no_measured_service_reaches_beyond_the_bench_network() -> None:
    assert FILE["networks"]["bench"] == {"internal": True}
    for name in set(SERVICES) - {"load", "results"}:
        assert SERVICES[name]["networks"] == ["bench"]
    assert SERVICES["results"]["network_mode"] == "none"


def test_the_load_waits_for_the_health_of_everything_it_measures() -> None:
    waits = SERVICES["load"]["depends_on"]
    assert waits.pop("results") == {"condition": "service_completed_successfully"}
    assert set(waits) == set(SERVICES) - {"load", "results"}
    healthy: dict[str, Any] = {"condition": "service_healthy"}
    expected = {name: healthy | ({"required": False} if name in PROFILES else {}) for name in waits}
    assert waits == expected
    assert all("healthcheck" in SERVICES[name] for name in waits)


def test_postgresql_runs_with_the_settings_of_a_local_run() -> None:
    words = SERVICES["postgres"]["command"].split()
    assert words == ["postgres", *(word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}"))]


def test_every_variable_has_a_default_and_is_explained() -> None:
    used = re.findall(r"\$\{(\w+)(:?-)?", TEXT)
    head = TEXT[: TEXT.index("\nname:")]
    assert [name for name, default in used if not default] == []
    explained = set(re.findall(r"\b(?:WAITBENCH_\w+|\w+_IMAGE)\b", head)) | {"WAITBENCH_GIT_COMMIT"}
    names = {name for name, _ in used}
    assert {name for name in names if name not in explained and name != "WAITBENCH_GID"} == set()
