"""Tests `waitbench check` on several services, one after the other."""

import io
import tempfile
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from waitbench.catalog.variants import load_variants
from waitbench.launch.local import LocalStack
from waitbench.paths import VARIANTS
from waitbench.run.serve import check

LAME = """
[servers.lame]
title = "none"
command = "no_such_server --port {port}"
[variants.lame]
title = "Lame"
framework = "none"
model = "asyncio"
server = "lame"
workloads = ["fast"]
[variants.lame.budget]
workers = 1
"""


@pytest.mark.live
@pytest.mark.fault(
    "hangs",
    "`waitbench check` meets a service that does not start",
    "it is reported as wrong, and the others are checked",
)
def test_a_service_that_does_not_start_is_wrong_and_the_others_are_still_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "variants.toml"
    file.write_text(VARIANTS.read_text() + LAME)
    monkeypatch.setattr("waitbench.run.serve.LocalStack", partial(LocalStack, file))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # separate from other measurements on this machine
    out = io.StringIO()
    assert not check(["lame", "null"], load_variants(file), Console(file=out, width=200))
    shown = out.getvalue()
    assert "lame: wrong, 0 of 1 checks passed\n  start: the service starts\n    lame ended with exit code 1;" in shown
    assert "No module named no_such_server" in shown
    assert "null: good, " in shown
