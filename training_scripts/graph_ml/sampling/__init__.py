"""Message graphs as CSC arrays, and the blocks of neighbours that mini-batches are computed on."""

from .blocks import Block as Block
from .blocks import BlockEdges as BlockEdges
from .blocks import blocks_on as blocks_on
from .blocks import full_block as full_block
from .blocks import sample_blocks as sample_blocks
from .blocks import within as within
from .message_graph import MessageGraph as MessageGraph
from .message_graph import Relation as Relation
from .message_graph import is_one_way as is_one_way
