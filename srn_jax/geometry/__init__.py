"""Where the known picture lies on its canvas: placing it, and its windows, masks, offsets and crops.

Each name is imported when it is first asked for: command lines list the placements, and need no JAX.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
