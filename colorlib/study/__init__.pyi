__all__ = [
    "Claim",
    "Row",
    "Study",
    "Trial",
    "Verdict",
    "all_questions",
    "base_trial",
    "corrected",
    "holm",
    "judge",
    "read_curves",
    "read_table",
    "repeat",
    "seeds_needed",
    "upper_scatter",
    "verdict_table",
]

from .claims import Claim, Verdict, corrected, holm, seeds_needed, upper_scatter
from .questions import all_questions, base_trial
from .repetition import repeat
from .study import Row, Study, Trial
from .tables import read_curves, read_table
from .verdicts import judge, verdict_table
