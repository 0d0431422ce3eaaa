"""A PyTorch script that makes one picture twice as large: imports, loads, paints in two passes, enlarges, saves.

    python -m benchmarks.peer.first_picture WEIGHTS.npz PHOTO OUTPUT.png

It is what someone would write for a single picture of 3:2 and a model of 64x64 to 128x128, in eager mode.
"""
# pyright: reportMissingImports=false

import sys
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.peer.networks import SRN
from benchmarks.peer.weights import our_name, to_torch

_KNOWN, _CANVAS = 64, 128  # sides, as the model was trained
_SEEN = (96, 64)  # width and height of a photograph of 3:2 at the model's scale; its canvas is twice that


def main(weights: str, photo: str, output: str) -> None:
    """Paints around `photo`, of 3:2, and writes the picture of twice its sides."""
    generator = load(weights)
    picture = Image.open(photo).convert("RGB")
    enlarged(paint(generator, seen(picture)[None])[0], picture).save(output)


def load(weights: str) -> Any:
    """Returns the network with the weights of an .npz, for calls in eager mode."""
    arrays = np.load(weights)
    network = SRN(int(arrays["cpn.xconv1.bias"].size)).eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(to_torch(our_name(name), arrays[our_name(name)]))))
    return network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def seen(picture: Image.Image) -> Tensor:
    """Returns what the model sees of a picture of 3:2, [3, 64, 96] in [-1, 1]."""
    small = np.array(picture.resize(_SEEN, Image.Resampling.BOX))
    return torch.from_numpy(small).permute(2, 0, 1).float() / 127.5 - 1


@torch.inference_mode()
def paint(generator: Any, pictures: Tensor) -> Tensor:
    """Returns canvases [b, 3, 128, 192] in [-1, 1] around pictures [b, 3, 64, 96], in two calls of the network."""
    count, top, left = len(pictures), _SEEN[1] // 2, _SEEN[0] // 2
    canvas, counted = torch.zeros(count, 3, _SEEN[1] * 2, _SEEN[0] * 2), torch.zeros(1, 1, _SEEN[0] * 2)
    for start in (0, _SEEN[0] * 2 - _CANVAS):  # where the window begins, at the left and at the right
        known = _SEEN[0] - _KNOWN if start else 0  # where what it sees begins in the photograph
        corner = (top, left + known - start)
        image, mask = torch.zeros(count, 3, _CANVAS, _CANVAS), torch.ones(count, 1, _CANVAS, _CANVAS)
        here = np.s_[:, :, corner[0] : corner[0] + _KNOWN, corner[1] : corner[1] + _KNOWN]
        image[here], mask[here] = pictures[:, :, :, known : known + _KNOWN], 0.0
        painted = generator(image.to(memory_format=torch.channels_last), mask, corner)
        # Nearer to what the window sees counts more, as in ours.
        middle, place = corner[1] + _KNOWN / 2, torch.arange(_CANVAS) + 0.5
        weight = (1 - (place - middle).abs() / torch.where(place < middle, middle, _CANVAS - middle)) ** 3
        canvas[..., start : start + _CANVAS] += painted * weight
        counted[..., start : start + _CANVAS] += weight
    return canvas / counted


def enlarged(canvas: Tensor, picture: Image.Image) -> Image.Image:
    """Returns a canvas [3, 128, 192] at twice the size of its picture, which lies in its middle as it is."""
    pixels = ((canvas + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    large = Image.fromarray(pixels).resize((2 * picture.width, 2 * picture.height), Image.Resampling.BICUBIC)
    large.paste(picture, (picture.width // 2, picture.height // 2))
    return large


if __name__ == "__main__":
    main(*sys.argv[1:])
