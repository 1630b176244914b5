"""What is wrong with the platform, told once: raised after it lasted, resolved after it was well as long."""

from jobs.alerts.engine import Change, acknowledge, evaluate
from jobs.alerts.rules import RULES
from jobs.alerts.words import advice, headline

__all__ = ["RULES", "Change", "acknowledge", "advice", "evaluate", "headline"]
