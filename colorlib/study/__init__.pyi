__all__ = [
    "Claim",
    "Row",
    "Study",
    "Trial",
    "Verdict",
    "all_questions",
    "base_trial",
    "holm",
    "judge",
    "read_curves",
    "read_table",
    "repeat",
    "seeds_needed",
    "upper_scatter",
    "verdict_table",
]

from .claims import Claim, Verdict, holm, seeds_needed, upper_scatter
from .questions import all_questions, base_trial
from .study import Row, Study, Trial
from .tables import judge, read_curves, read_table, repeat, verdict_table
