"""Tests which results folders are opened to the load container, on real folders with real owners."""

import os
import stat
from pathlib import Path

import pytest

from waitbench.launch.results_folder import Refused, open_to_load

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives folders to other users, which takes root")

CALLER, LOAD, STRANGER = 1234, 1000, 54321


def made(path: Path, owner: int, mode: int, group: int | None = None) -> Path:
    path.mkdir()
    path.chmod(mode)
    os.chown(path, owner, owner if group is None else group)
    return path


def opened(tmp_path: Path, folder: Path, uid: int = LOAD) -> str:
    checkout = tmp_path / "compose.yaml"
    checkout.touch()
    os.chown(checkout, CALLER, CALLER)
    return open_to_load(folder, checkout, uid, uid, "./results")


def mode(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)


@pytest.mark.parametrize("before", [0o700, 0o755, 0o750])
@pytest.mark.fault(
    "security",
    "the results folder for containers is a private folder of another user",
    "its mode is not changed, and the run is refused with advice; earlier it was made 0777",
)
def test_a_folder_of_another_user_is_refused_and_unchanged(tmp_path: Path, before: int) -> None:
    folder = made(tmp_path / "results", STRANGER, before)
    with pytest.raises(Refused, match=rf"belongs to user {STRANGER} \(mode {before:o}\).*WAITBENCH_RESULTS"):
        opened(tmp_path, folder)
    assert mode(folder) == before


@pytest.mark.parametrize(("before", "file"), [(0o700, False), (0o755, True)])
def test_a_folder_of_root_that_docker_did_not_make_is_refused(tmp_path: Path, before: int, file: bool) -> None:
    folder = made(tmp_path / "results", 0, before)
    if file:
        (folder / "precious").touch()
    with pytest.raises(Refused, match="belongs to user 0"):
        opened(tmp_path, folder)
    assert mode(folder) == before


@pytest.mark.parametrize("before", [0o700, 0o755, 0o1755])
def test_a_folder_of_the_owner_of_the_checkout_is_opened_and_this_is_shown(tmp_path: Path, before: int) -> None:
    folder = made(tmp_path / "results", CALLER, before)
    shown = opened(tmp_path, folder)
    assert shown == f"./results: mode {before:o} became {before | 0o777:o}, so that the load container can write there"
    assert mode(folder) == before | 0o777


def test_a_folder_that_docker_has_just_made_is_opened(tmp_path: Path) -> None:
    folder = made(tmp_path / "results", 0, 0o755)
    assert opened(tmp_path, folder)
    assert mode(folder) == 0o777


@pytest.mark.parametrize(
    ("owner", "group", "before"),
    [(LOAD, LOAD, 0o700), (STRANGER, LOAD, 0o770), (STRANGER, STRANGER, 0o777), (0, 0, 0o1777)],
)
def test_a_folder_that_the_load_container_can_write_to_is_unchanged(
    tmp_path: Path, owner: int, group: int, before: int
) -> None:
    folder = made(tmp_path / "results", owner, before, group)
    assert opened(tmp_path, folder) == ""
    assert mode(folder) == before
