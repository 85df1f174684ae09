"""Which variants of a plan are available, and what is reported about the others."""

import pytest

from waitbench.catalog.variants import Variant
from waitbench.errors import UsageError
from waitbench.launch.programs import missing
from waitbench.plan.availability import Attendance, attendance, in_plain_forms, joined, not_contained
from waitbench.plan.plan import Plan


def variant(name: str, **changes: object) -> Variant:
    known = {"title": name.title(), "framework": "f", "model": "m", "server": "s", "budget": {"workers": 1}}
    return Variant(name, **(known | changes))  # type: ignore[arg-type]


KNOWN = {
    "ours": variant("ours"),
    "theirs": variant("theirs"),
    "go": variant("go", kind="reference", profile="references", program="nowhere/service", setup="make go"),
}
PLAN = Plan.model_validate(
    {
        "title": "t",
        "variants": ["ours", "go"],
        "cells": [
            {"workload": "fast", "users": [1]},
            {"workload": "fast", "users": [2], "variants": ["go"]},
            {"workload": "fast", "users": [3], "variants": ["go", "ours"], "workers": [1, 2]},
            {"workload": "fast", "users": [4], "service_cpus": 2},
        ],
    }
)


def without(*names: str) -> object:
    return lambda variant: "not today" if variant.name in names else ""


def test_a_plan_with_all_variants_available_stays_the_same() -> None:
    assert attendance(PLAN, KNOWN, lambda _: "") == Attendance(PLAN, {})


def test_a_missing_variant_is_left_out_of_the_plan_and_its_cells_and_is_reported() -> None:
    found = attendance(PLAN, KNOWN, without("go"))  # type: ignore[arg-type]
    assert found.left_out == {"Go": "not today"}
    assert found.plan.variants == ["ours"]
    assert [(cell.users, cell.variants) for cell in found.plan.cells] == [([1], None), ([3], ["ours"]), ([4], None)]


def test_a_missing_variant_that_was_named_for_this_run_is_refused() -> None:
    with pytest.raises(UsageError, match="go can't be run here: not today"):
        attendance(PLAN, KNOWN, without("go"), named=["go"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("variants", "cell"),
    [
        (["ours", "go"], {"workload": "fast", "users": [2], "variants": ["go"]}),
        (["null", "go"], {"workload": "db", "params": {"ms": 5}, "users": [2]}),
    ],
    ids=["named by no cell", "serving no cell"],
)
def test_a_run_is_refused_if_the_variants_that_are_left_have_no_cell(
    variants: list[str], cell: dict[str, object]
) -> None:
    plan = Plan.model_validate({"title": "t", "variants": variants, "cells": [cell]})
    known = KNOWN | {"null": variant("null", workloads=("fast",))}
    assert attendance(plan, known, without()).plan == plan  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"nothing would be measured: .*\n  go: not today"):
        attendance(plan, known, without("go"))  # type: ignore[arg-type]


def test_a_run_is_refused_with_every_reason_if_no_variant_is_left() -> None:
    with pytest.raises(UsageError, match=r"ours: not today\n  go: not today"):
        attendance(PLAN, KNOWN, without("go", "ours"))  # type: ignore[arg-type]


def test_a_reference_that_is_up_joins_and_another_contender_does_not() -> None:
    plan = PLAN.model_copy(update={"variants": ["ours"]})
    assert joined(plan, KNOWN, lambda _: "").variants == ["ours", "go"]
    assert joined(plan, KNOWN, without("go")).variants == ["ours"]  # type: ignore[arg-type]
    assert joined(PLAN, KNOWN, lambda _: "").variants == ["ours", "go"]


def test_containers_leave_out_other_forms_than_their_own_and_report_it() -> None:
    found = in_plain_forms(Attendance(PLAN, {"Go": "why"}), KNOWN)
    assert [cell.users for cell in found.plan.cells] == [[1], [2]]
    assert list(found.left_out) == ["Go", "Every cell with workers, service_cpus or budget"]
    plain = Attendance(found.plan, {})
    assert in_plain_forms(plain, KNOWN) is plain


@pytest.mark.parametrize("changes", [{"cells": PLAN.cells[2:]}, {"variants": ["ours"], "cells": PLAN.cells[1:]}])
def test_containers_refuse_a_plan_with_only_other_forms(changes: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"nothing would be measured: .* run it locally"):
        in_plain_forms(Attendance(PLAN.model_copy(update=changes), {}), KNOWN)


def test_a_program_that_is_not_installed_is_missing_and_python_never_is() -> None:
    assert missing(KNOWN["ours"]) == ""
    assert "services/nowhere/service, which does not exist; run `make go`" in missing(KNOWN["go"])


def test_a_variant_for_local_runs_only_is_missing_from_containers_before_any_is_started() -> None:
    assert not_contained(KNOWN["ours"]) == ""
    assert "--engine local" in not_contained(variant("lone", containers=False))
