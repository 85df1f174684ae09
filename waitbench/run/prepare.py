"""Makes a run folder that the generator can play, from a plan and the running services."""

import itertools
import secrets
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from waitbench import __version__
from waitbench.catalog.variants import Variant, labelled
from waitbench.catalog.workloads import WORKLOADS, needed
from waitbench.errors import Unwritable
from waitbench.plan.cell import Cell
from waitbench.plan.contender import Contender, contenders
from waitbench.plan.plan import External, Plan
from waitbench.plan.time_budget import most_repeats
from waitbench.plan.trial_order import Blocks, Slot, schedule
from waitbench.records.folder import RunFolder, now
from waitbench.records.load_point import Conditions
from waitbench.records.run import PlannedSection, RunPlan, RunRecord, Target
from waitbench.records.spec import Exchange, TrialSpec
from waitbench.run.environment import environment


def run_name(plan_name: str, began: datetime) -> str:
    return f"{began:%Y%m%d-%H%M%S}-{plan_name}"


def new_folder(out: Path, name: str) -> RunFolder:
    """Make the folder of a new run and let `latest` point to it. A number is added if the name is taken."""
    for attempt in itertools.chain([name], (f"{name}-{n}" for n in itertools.count(2))):
        try:
            (out / attempt).mkdir(parents=True)  # by itself, so that this fails if the name is a symbolic link
            (out / attempt / "trials").mkdir()
            draft = out / f".latest-{secrets.token_hex(4)}"
            draft.symlink_to(attempt)
            draft.replace(out / "latest")
            return RunFolder(out / attempt)
        except FileExistsError:
            continue
        except OSError as error:
            raise Unwritable.because(out, error) from None
    raise AssertionError  # the names never end


def remove(folder: RunFolder) -> None:
    """Remove the folder of a run that could not begin, and `latest`, which points to it."""
    shutil.rmtree(folder.path, ignore_errors=True)
    with suppress(OSError):
        (folder.path.parent / "latest").unlink()


def targets(plan: Plan, variants: dict[str, Variant], base_urls: dict[str, str]) -> dict[str, Target]:
    """Return a target for every contender, as declared."""
    names = labelled(plan.variants)
    found = {
        who.label: Target(
            name=who.label,
            title=variants[who.variant].title + _ordinal(who, names) + _form(who, _workers(who, variants)),
            base_url=base_urls[who.label],
            kind=variants[who.variant].kind,
            variant=who.variant,
            cpus=who.cpus,
            same_as=who.variant if plan.variants.count(who.variant) > 1 else "",
            framework=variants[who.variant].framework,
            model=variants[who.variant].model,
            server=variants[who.variant].server,
            gil=variants[who.variant].gil,
            budget=variants[who.variant].resized(dict(who.changed)) | {"workers": _workers(who, variants)},
            workloads=_listed(variants[who.variant].workloads),
        )
        for who in contenders(plan)
        if not who.external
    }
    for item in plan.external:
        same = [each.name for each in plan.external if (each.base_url, each.paths) == (item.base_url, item.paths)]
        found[item.name] = Target(
            name=item.name,
            title=item.name,
            base_url=item.base_url,
            external=True,
            same_as=same[0] if len(same) > 1 else "",
            workloads=list(item.paths),
        )
    return found


def _ordinal(who: Contender, names: Mapping[str, str]) -> str:
    """Return the number that distinguishes contenders of one variant, as " (no. 2)"; "" if there is only one."""
    own = [label for label, name in names.items() if name == who.variant]
    if len(own) == 1:
        return ""
    # The label `a-2` begins with both `a` and `a-2`; the longer one is right.
    mine = max((label for label in own if who.label.startswith(label)), key=len)
    return f" (no. {mine.removeprefix(who.variant).lstrip('-') or 1})"


def _workers(who: Contender, variants: Mapping[str, Variant]) -> int:
    return who.workers if who.workers > 1 else variants[who.variant].budget["workers"]


def _form(who: Contender, workers: int) -> str:
    """Describe a form of a variant that has other workers, cores or limits than declared; "" for the plain form."""
    parts = [f"{workers} process{'es' if workers > 1 else ''}"] if who.workers > 1 or who.cpus else []
    parts += [f"{who.cpus} cores"] if who.cpus > 1 else []
    parts += [f"{key} = {count}" for key, count in who.changed]
    return f" ({', '.join(parts)})" if parts else ""


def _listed(names: Iterable[str] | None) -> list[str] | None:
    return None if names is None else list(names)


def run_record(
    folder: RunFolder,
    plan: Plan,
    plan_name: str,
    engine: str,
    seed: int,
    found: dict[str, Target],
    upstream_url: str | None,
    left_out: dict[str, str] | None = None,
) -> RunRecord:
    limited = served_by(found)
    return RunRecord(
        waitbench=__version__,
        name=folder.path.name,
        status="running",
        started_at=now(),
        engine=engine,
        seed=seed,
        plan_name=plan_name,
        plan=RunPlan.model_validate(plan.model_dump(mode="json")),
        sections=sections(plan),
        upstream_url=upstream_url,
        targets=found,
        environment=environment(),
        trials=[trial_spec(slot, plan, seed, found) for slot in schedule(plan, seed, limited)],
        searching=True,
        most_repeats=most_repeats(plan, Blocks(plan, limited)),
        left_out=left_out or {},
    )


def served_by(found: Mapping[str, Target]) -> dict[str, list[str]]:
    """Return the workloads of each contender that does not serve all."""
    return {name: target.workloads for name, target in found.items() if target.workloads is not None}


def sections(plan: Plan) -> list[PlannedSection]:
    """Return the conditions that the plan's cells ask for, each once, in the order of the plan."""
    found: dict[Conditions, Cell] = {}
    for cell in plan.cells:
        found.setdefault(cell.conditions, cell)
    return [
        PlannedSection(
            conditions=conditions,
            from_rate=cell.from_rate if conditions.search else None,
            to_rate=cell.to_rate if conditions.search else None,
        )
        for conditions, cell in found.items()
    ]


def trial_spec(slot: Slot, plan: Plan, seed: int, found: dict[str, Target]) -> TrialSpec:
    """Return everything that the generator has to know about one trial."""
    cell, target = slot.cell, found[slot.contender]
    external = next((item for item in plan.external if item.name == slot.contender), None)
    conditions, tag = slot.point.conditions, slot.point.tag
    slow = conditions.mixed
    return TrialSpec(
        **_exchange(conditions.workload, conditions.params, external).model_dump(),
        file=f"{slot.block:03d}-{slot.contender}-{cell.workload}-{tag}{'-alone' if slot.alone else ''}.json",
        block=slot.block,
        repeat=slot.repeat,
        variant=slot.contender,
        point=slot.point,
        neighbours=_exchange(slow.workload, slow.params, external) if slow else None,
        alone=slot.alone,
        arrivals=slot.cell.arrivals,
        arrivals_seed=seed * 1000 + slot.block,
        max_in_flight=slot.cell.max_in_flight if conditions.load_model == "open" else 0,
        warmup_s=plan.warmup_s,
        measure_s=slot.measure_s,
        timeout_s=plan.timeout_s,
        base_url=target.base_url,
        instrumented=external is None,
        uses_upstream=external is None and "remote API" in needed(conditions.workloads),
        uses_database=external is None and "database" in needed(conditions.workloads),
    )


def _exchange(name: str, params: dict[str, int], external: External | None) -> Exchange:
    workload = WORKLOADS[name]
    own = workload.exchange(params)
    if external is None:
        return own
    path = external.paths[name].format(**workload.complete(params))
    return own.model_copy(update={"path": path, "body": None, "receives": None})
