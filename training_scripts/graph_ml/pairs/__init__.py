"""What is known of a pair of vertices from the graph around them; one file a family. Numpy and scipy only, no torch."""

from .affinity import Affinity as Affinity
from .attributes import AttributeSpace as AttributeSpace
from .attributes import attribute_rows as attribute_rows
from .degree import Arrows as Arrows
from .features import ALONG as ALONG
from .features import FLOORS as FLOORS
from .features import RETRIEVERS as RETRIEVERS
from .features import SKETCH_RETRIEVERS as SKETCH_RETRIEVERS
from .features import PairFeatures as PairFeatures
from .features import PairSettings as PairSettings
from .features import View as View
from .features import floor_block as floor_block
from .graph import NodeSpace as NodeSpace
from .graph import PairGraph as PairGraph
from .ials import Factors as Factors
from .ials import fit_ials as fit_ials
from .ials import fold_in as fold_in
