__all__ = [
    "ColorizeOptions",
    "Colorizer",
    "Hint",
    "collect_outcomes",
    "color_bytes",
    "color_files",
    "gray_copy",
    "local_linear_fit",
    "place_to_ask",
    "plan_tasks",
    "read_hints",
    "render_full_size",
    "summary_line",
]

from .asking import place_to_ask
from .batch import ColorizeOptions, collect_outcomes, color_bytes, color_files, summary_line
from .colorizer import Colorizer, gray_copy
from .fullsize import local_linear_fit, render_full_size
from .hints import Hint, read_hints
from .tasks import plan_tasks
