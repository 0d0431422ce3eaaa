from .expansion import expand as expand
from .expansion import plan_expansion as plan_expansion
from .extrapolation import extrapolate as extrapolate
from .extrapolation import extrapolate_stream as extrapolate_stream
from .joining import join as join
from .joining import plan_join as plan_join
