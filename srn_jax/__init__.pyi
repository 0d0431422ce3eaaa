from . import infer as infer
from .errors import InputError as InputError
from .generators.generator import Generator as Generator
from .generators.loading import load_generator as load_generator
from .infer.expansion import expand as expand
from .infer.extrapolation import extrapolate as extrapolate
from .infer.extrapolation import extrapolate_stream as extrapolate_stream
from .infer.joining import join as join
from .models.baselines import CA as CA
from .models.baselines import ED as ED
from .models.srn import SRN as SRN
from .models.srn import SRNHR as SRNHR

__all__: list[str]
__version__: str
