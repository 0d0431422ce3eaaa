from .placement import AROUND as AROUND
from .placement import BETWEEN as BETWEEN
from .placement import PLACEMENTS as PLACEMENTS
from .placement import Bounds as Bounds
from .placement import Size as Size
from .placement import gap_of as gap_of
from .placement import offset_bounds as offset_bounds
from .windows import Part as Part
from .windows import complete as complete
from .windows import crop as crop
from .windows import crop_known as crop_known
from .windows import distance_to_known as distance_to_known
from .windows import draw_masks as draw_masks
from .windows import draw_offsets as draw_offsets
from .windows import host_mask as host_mask
from .windows import known_canvas as known_canvas
from .windows import known_gap as known_gap
from .windows import known_offset as known_offset
from .windows import parts as parts
from .windows import unknown_mask as unknown_mask

__all__: list[str]
