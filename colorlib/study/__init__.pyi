__all__ = [
    "Claim",
    "Row",
    "Study",
    "Trial",
    "Verdict",
    "all_questions",
    "base_trial",
    "judge",
    "read_curves",
    "read_table",
    "repeat",
    "verdict_table",
]

from .claims import Claim, Verdict
from .questions import all_questions, base_trial
from .study import Row, Study, Trial
from .tables import judge, read_curves, read_table, repeat, verdict_table
