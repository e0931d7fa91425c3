__all__ = [
    "LABELS",
    "Studio",
    "Tabs",
    "ab_density",
    "bars",
    "bin_colors",
    "bin_values",
    "channel_views",
    "compare_slider",
    "compare_versions",
    "contact_sheet",
    "curves",
    "distribution",
    "dots",
    "draw_network",
    "line_plot",
    "line_styles",
    "loss_curves",
    "preference_page",
    "save_figure",
    "show",
    "study_explorer",
    "trade_off",
    "trainings",
    "trainings_and_curves",
    "triptychs",
    "uncertainty",
]

from .ab_plane import ab_density, bin_colors, bin_values, distribution, uncertainty
from .charts import bars, dots, line_plot, line_styles, loss_curves, trade_off
from .network import draw_network
from .pictures import channel_views, contact_sheet, save_figure, show, triptychs
from .preference import preference_page
from .studio import Studio
from .study_charts import LABELS, curves, study_explorer, trainings, trainings_and_curves
from .swipe import compare_slider, compare_versions
from .tabs import Tabs
