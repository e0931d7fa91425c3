__all__ = [
    "LABELS",
    "Studio",
    "ab_density",
    "against_size",
    "against_time",
    "bars",
    "bin_colors",
    "bin_values",
    "both",
    "by_class",
    "channel_views",
    "compare_slider",
    "contact_sheet",
    "curves",
    "distribution",
    "dots",
    "draw_network",
    "keep",
    "loss_curves",
    "show",
    "study_explorer",
    "styles",
    "temperature_slider",
    "trade_off",
    "trainings",
    "triptychs",
    "uncertainty",
]

from .bins import bin_colors, bin_values, distribution, uncertainty
from .network import draw_network
from .pictures import ab_density, bars, channel_views, contact_sheet, dots, loss_curves, show, styles, triptychs
from .results import against_size, against_time, by_class, keep, trade_off
from .studio import Studio
from .study import LABELS, both, curves, trainings
from .widgets import compare_slider, study_explorer, temperature_slider
