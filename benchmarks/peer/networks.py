"""SRN, both critics and VGG-19 as PyTorch modules, channels first in shape and last in memory, named as ours are."""
# pyright: reportMissingImports=false

from collections import OrderedDict

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

VGG_MEAN = (123.68, 116.779, 103.939)
_VGG_LAYERS = (("conv1_", 64, 2), ("conv2_", 128, 2), ("conv3_", 256, 4), ("conv4_", 512, 4), ("conv5_", 512, 4))


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME: with a stride of 2 and even sides, one more behind than before."""

    def __init__(self, inputs: int, outputs: int, size: int = 3, *, stride: int = 1, dilation: int = 1):
        padding = dilation * (size - 1) // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, size, stride=stride, dilation=dilation, padding=padding)

    def forward(self, input: Tensor) -> Tensor:
        """Returns the convolved map, its sides divided by the stride and rounded up."""
        if self.stride[0] > 1:
            input = F.pad(input, (*self._margins(input.shape[3]), *self._margins(input.shape[2])))
        return super().forward(input)

    def _margins(self, length: int) -> tuple[int, int]:
        size, stride = self.kernel_size[0], self.stride[0]
        total = max((-(-length // stride) - 1) * stride + size - length, 0)
        return total // 2, total - total // 2


def _upsample_conv(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(OrderedDict(upsample=nn.Upsample(scale_factor=2), conv=SameConv(inputs, outputs)))


def _with_elu(layers: dict[str, nn.Module]) -> "OrderedDict[str, nn.Module]":
    """Returns the layers, each followed by its activation."""
    return OrderedDict(
        item for name, layer in layers.items() for item in ((name, layer), (f"{name}_elu", nn.ELU(inplace=True)))
    )


def _encoder(inputs: int, prefix: str, widths: tuple[int, int, int, int], width: int) -> dict[str, nn.Module]:
    one, two, three, four = widths
    layers: dict[str, nn.Module] = {
        f"{prefix}conv1": SameConv(inputs, one, 5),
        f"{prefix}conv2_downsample": SameConv(one, two, stride=2),
        f"{prefix}conv3": SameConv(two, three),
        f"{prefix}conv4_downsample": SameConv(three, four, stride=2),
        f"{prefix}conv5": SameConv(four, width),
        f"{prefix}conv6": SameConv(width, width),
    }
    dilated = ((7, 2), (8, 4), (9, 8), (10, 16))
    return layers | {f"{prefix}conv{i}_atrous": SameConv(width, width, dilation=dilation) for i, dilation in dilated}


def _decoder(prefix: str, n: int) -> dict[str, nn.Module]:
    return {
        f"{prefix}conv12": SameConv(4 * n, 4 * n),
        f"{prefix}conv13_upsample": _upsample_conv(4 * n, 2 * n),
        f"{prefix}conv14": SameConv(2 * n, 2 * n),
        f"{prefix}conv15_upsample": _upsample_conv(2 * n, n),
    }


class CPN(nn.Module):
    """Context prediction network, [b, n + 4, H, W] -> [b, 3, H, W]."""

    def __init__(self, n: int, rho: float):
        super().__init__()
        self.rho = rho
        encoder = _encoder(n + 4, "x", (n, n, 2 * n, 2 * n), 4 * n)
        self.head = nn.Sequential(_with_elu({**encoder, "allconv11": SameConv(4 * n, 4 * n)}))
        decoder = _with_elu({**_decoder("all", n), "allconv16": SameConv(n, n // 2)})
        self.tail = nn.Sequential(OrderedDict([*decoder.items(), ("allconv17", SameConv(n // 2, 3))]))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Returns the canvas, not clipped."""
        x = self.head(x)
        small_mask = F.interpolate(mask, x.shape[2:], mode="nearest")
        return self.tail(context_normalization(x, small_mask, self.rho))


class SRN(nn.Module):
    """SRN of ratio 2 x 2 with sub-pixel expansion: a canvas in [-1, 1] and its mask -> the prediction."""

    def __init__(self, n: int = 64, rho: float = 0.5):
        super().__init__()
        trunk = {**_encoder(3, "", (n, 2 * n, 2 * n, 4 * n), 4 * n), "conv11": SameConv(4 * n, 4 * n)}
        self.fen = nn.Sequential(_with_elu({**trunk, **_decoder("", n)}))
        self.expansion = nn.Sequential(
            OrderedDict(conv=SameConv(n, 4 * n), shuffle=nn.PixelShuffle(2), elu=nn.ELU(inplace=True))
        )
        self.cpn = CPN(n, rho)

    def forward(self, image: Tensor, mask: Tensor, corner: tuple[int, int]) -> Tensor:
        """Returns [b, 3, H, W] in [-1, 1]; `corner` is the known window's (top, left)."""
        (top, left), height, width = corner, image.shape[2] // 2, image.shape[3] // 2
        features = self.expansion(self.fen(image[:, :, top : top + height, left : left + width]))
        known = image.masked_fill(mask > 0.5, 0.0)
        x = torch.cat([features, known.to(features.dtype), mask.to(features.dtype).expand(len(image), -1, -1, -1)], 1)
        # A tensor of one channel has no channels-last strides of its own, and would decide for all.
        x = x.contiguous(memory_format=torch.channels_last)
        return self.cpn(x, mask).float().clamp(-1.0, 1.0)


def context_normalization(features: Tensor, mask: Tensor, rho: float) -> Tensor:
    """Returns the features, unknown positions blended with the known region's mean and deviation; in float32 inside."""
    f, unknown = features.float(), mask.float()
    mean_u, variance_u = _statistics(f, unknown)
    mean_k, variance_k = _statistics(f, 1.0 - unknown)
    matched = (f - mean_u) * torch.rsqrt(variance_u + 1e-5) * torch.sqrt(variance_k + 1e-5) + mean_k
    return torch.where(mask > 0.5, torch.lerp(f, matched, rho), f).to(features.dtype)


def _statistics(f: Tensor, region: Tensor) -> tuple[Tensor, Tensor]:
    count = region.sum((2, 3), keepdim=True).clamp_min(1.0)
    mean = (f * region).sum((2, 3), keepdim=True) / count
    return mean, ((f - mean).square() * region).sum((2, 3), keepdim=True) / count


def _critic_features(widths: tuple[int, ...]) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, (inputs, outputs) in enumerate(zip((3, *widths[:-1]), widths, strict=True), start=1):
        layers[f"conv{number}"] = SameConv(inputs, outputs, 5, stride=2)
        layers[f"conv{number}_relu"] = nn.LeakyReLU(0.2, inplace=True)
    return nn.Sequential(layers)


class GlobalCritic(nn.Module):
    """One score for the canvas as a whole, [b, 3, H, W] -> [b]."""

    def __init__(self, canvas: tuple[int, int], n: int = 64):
        super().__init__()
        self.head = _critic_features((n, 2 * n, 4 * n, 2 * n))
        self.dense = nn.Linear(2 * n * -(-canvas[0] // 16) * -(-canvas[1] // 16), 1)

    def forward(self, completed: Tensor, region: Tensor) -> Tensor:
        """Returns the scores; `region` is the context critic's."""
        del region
        # In the order that they have in memory, so that nothing is moved.
        return self.dense(self.head(completed).permute(0, 2, 3, 1).flatten(1))[:, 0].float()


class ContextCritic(nn.Module):
    """The mean of a score map over the synthesized region, [b, 3, H, W] -> [b]."""

    def __init__(self, n: int = 64):
        super().__init__()
        self.head = _critic_features((n, 2 * n, 4 * n))
        self.conv4 = SameConv(4 * n, 1)

    def forward(self, completed: Tensor, region: Tensor) -> Tensor:
        """Returns the scores over `region`, the mask as `pool_x8` returns it."""
        scores = self.conv4(self.head(completed)).float()
        return (scores * region).sum((1, 2, 3)) / region.sum((1, 2, 3)).clamp_min(1.0)


def pool_x8(mask: Tensor) -> Tensor:
    """Returns the mask max-pooled 2 x 2 three times."""
    for _ in range(3):
        mask = F.max_pool2d(mask, 2, ceil_mode=True)
    return mask


class VGG19(nn.Module):
    """Features of named layers after their ReLU; average pooling; nothing beyond the last layer is computed."""

    mean: Tensor

    def __init__(self, layers: tuple[str, ...]):
        super().__init__()
        self.layers = layers
        self.register_buffer("mean", torch.tensor(VGG_MEAN)[None, :, None, None])
        self.head = nn.ModuleDict()
        inputs = 3
        for prefix, width, count in _VGG_LAYERS:
            for i in range(1, count + 1):
                if not set(layers) <= set(self.head):
                    self.head[f"{prefix}{i}"] = SameConv(inputs, width)
                    inputs = width

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Returns {layer: features} of pictures in [-1, 1]."""
        x, features = (image + 1.0) * 127.5 - self.mean, {}
        for name, conv in self.head.items():
            if name.endswith("_1") and name != "conv1_1":
                x = F.avg_pool2d(x, 2)
            x = F.relu(conv(x), inplace=True)
            if name in self.layers:
                features[name] = x
        return features
