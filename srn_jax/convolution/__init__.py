"""The networks' convolutions: plain forms, which are the reference, and faster ones where a backend gains by them."""

from srn_jax.convolution.conv import conv, conv_general_dilated
from srn_jax.convolution.upsample import upsample_conv

__all__ = ["conv", "conv_general_dilated", "upsample_conv"]
