"""The networks' convolutions: plain forms, which are the reference, and faster ones where a backend gains by them."""

from srn_jax.convolution.adjoints import conv, conv_general_dilated
from srn_jax.convolution.forms import few_calls
from srn_jax.convolution.upsample import upsample_conv

__all__ = ["conv", "conv_general_dilated", "few_calls", "upsample_conv"]
