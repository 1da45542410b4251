"""Functions from arrays to matplotlib figures, in one style. This file names the figures of every run."""

from fer.palette import PALETTE as PALETTE
from fer.palette import class_colors as class_colors
from fer.plots.curves import curves_figure as curves_figure
from fer.plots.faces import RIGHT as RIGHT
from fer.plots.faces import WRONG as WRONG
from fer.plots.faces import face_sheet as face_sheet
from fer.plots.faces import prediction_sheet as prediction_sheet
from fer.plots.matrices import confusion_figure as confusion_figure
from fer.plots.matrices import matrix_figure as matrix_figure
