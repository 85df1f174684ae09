"""Plans and claims: what is to be measured, checked whole before anything starts."""

from waitbench.plan.cell import Cell, Load
from waitbench.plan.contender import Contender, contenders, is_played
from waitbench.plan.file import find_plan, load_plan, plan_names
from waitbench.plan.plan import External, Plan
from waitbench.plan.selection import require_shares, select

__all__ = [
    "Cell",
    "Contender",
    "External",
    "Load",
    "Plan",
    "contenders",
    "find_plan",
    "is_played",
    "load_plan",
    "plan_names",
    "require_shares",
    "select",
]
