__all__ = [
    "Claim",
    "Row",
    "Study",
    "Trial",
    "Verdict",
    "all_questions",
    "base",
    "judged",
    "read_curves",
    "read_table",
    "repeat",
    "table",
]

from .claims import Claim, Verdict
from .questions import all_questions, base
from .study import Row, Study, Trial
from .tables import read_curves, read_table
from .verdicts import judged, repeat, table
