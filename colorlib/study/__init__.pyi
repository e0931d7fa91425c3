__all__ = [
    "Claim",
    "Row",
    "Study",
    "Trial",
    "Verdict",
    "all_questions",
    "all_variants",
    "base_trial",
    "judge",
    "read_curves",
    "read_table",
    "repeat",
    "verdict_table",
]

from .claims import Claim, Verdict
from .questions import all_questions, all_variants, base_trial
from .study import Row, Study, Trial
from .tables import read_curves, read_table
from .verdicts import judge, repeat, verdict_table
