"""Plans and claims: what is to be measured, checked whole before anything starts."""

from waitbench.plan.cell import Cell, Load
from waitbench.plan.contender import Contender, contenders, is_played
from waitbench.plan.file import load_plan
from waitbench.plan.plan import External, Plan
from waitbench.plan.selection import require_shares, select

__all__ = [
    "Cell",
    "Contender",
    "External",
    "Load",
    "Plan",
    "contenders",
    "is_played",
    "load_plan",
    "require_shares",
    "select",
]
