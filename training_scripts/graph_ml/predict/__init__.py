"""Answering requests with a finished model: links, properties of vertices and edges, nearest neighbours."""

from .base import Incompatible as Incompatible
from .base import Predictor as Predictor
from .load import load_predictor as load_predictor
