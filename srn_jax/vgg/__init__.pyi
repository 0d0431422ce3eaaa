from .weights import load as load
