"""What happens when something on the page is touched."""

import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from srn_jax.demo.canvas import PRESETS, Percent, check_passes, on_canvas, shown, sides_of
from srn_jax.demo.uploads import Uploads
from srn_jax.detail import LEAST_SIDE, Levels
from srn_jax.errors import InputError
from srn_jax.generators.bundled import KINDS
from srn_jax.generators.generator import Generator
from srn_jax.geometry import Size
from srn_jax.infer import expand, plan_expansion
from srn_jax.infer.texture import plan_detail
from srn_jax.pictures.formats import open_picture
from srn_jax.pictures.photo import Photo, read_photo, write_photo

START = "twice as large"  # the preset of a new photograph
_EXAMPLE = "data/chelsea.png"  # a cat, in scikit-image
_USUAL: Size = (3, 4)  # a photograph, for presets that are chosen before there is one
_MAX_PIXELS = 30_000_000  # of an upload
_TAKES = f"this page takes up to {_MAX_PIXELS / 1e6:.0f} million"
# version, button for another, result, download, what was told
_NOTHING = (0, gr.update(interactive=False), None, gr.update(visible=False), "")
_PROGRESS = gr.Progress()  # gradio puts the visitor's own in its place


class Actions:
    """The page's actions; each returns what the page shows next, or raises a message for the visitor."""

    def __init__(self, generators: dict[str, Generator], folder: Path) -> None:
        """Paints with `generators`, which the visitor knows by name; files to download go below `folder`."""
        self._generators, self._folder, self._uploads = generators, folder, Uploads()

    def read(self, path: str | None) -> tuple[Any, ...]:
        """Returns the photograph, its margins, its canvas, and what else changes; the uploaded file is removed."""
        if path is None:
            return None, *[gr.skip()] * 4, None, gr.update(interactive=False), *_NOTHING
        try:
            photo = _read_upload(Path(path), self._uploads)
        except InputError as error:
            raise gr.Error(str(error).replace(path, Path(path).name), duration=None) from error
        return self._put(photo)

    def example(self, model: str) -> tuple[Any, ...]:
        """Returns the same as `read` of a photograph that is at hand: of the model's kind, where that is known."""
        own = resources.files("srn_jax.demo") / "examples" / f"{model}.jpg"
        with resources.as_file(own if model in KINDS else resources.files("skimage") / _EXAMPLE) as path:
            return self._put(read_photo(path))

    def _put(self, photo: Photo) -> tuple[Any, ...]:
        percent = PRESETS[START](_size(photo))
        canvas = on_canvas(photo.pixels, sides_of(_size(photo), percent))
        return photo, *percent, canvas, gr.update(interactive=True), *_NOTHING

    def preset(self, photo: Photo | None, chosen: str) -> tuple[int, ...]:
        """Returns the margins of a preset, in percent."""
        return tuple(PRESETS[chosen](_size(photo) if photo else _USUAL))

    def preview(self, photo: Photo | None, *percent: int) -> Image.Image | None:
        """Returns the photograph on its canvas."""
        if photo is None:
            return None
        try:
            return on_canvas(photo.pixels, sides_of(_size(photo), Percent(*percent)))
        except InputError:  # which is told when it is to be painted
            return shown(photo.pixels)

    def paint(
        self,
        photo: Photo | None,
        model: str,
        soften: bool,
        detail: bool,
        *percent: int,
        progress: gr.Progress = _PROGRESS,
    ) -> tuple[Any, ...]:
        """Returns the version, 1, the button for another, the picture before and after, its file, and it in words.

        Whatever was painted before, it is the first version, of seed 0: the same settings give the same picture. The
        version is 0 where no detail was made, since all versions would be the same.
        """
        return self._paint(1, photo, model, soften, detail, Percent(*percent), progress)

    def another(
        self,
        version: int,
        photo: Photo | None,
        model: str,
        soften: bool,
        detail: bool,
        *percent: int,
        progress: gr.Progress = _PROGRESS,
    ) -> tuple[Any, ...]:
        """Returns the same as `paint` of the version after `version`, with the next seed."""
        return self._paint(version + 1, photo, model, soften, detail, Percent(*percent), progress)

    def varies(self, version: int, detail: bool) -> dict[str, Any]:
        """Returns the button for another version: of use where one was painted, and would be painted anew."""
        return gr.update(interactive=detail and version > 0)

    def _paint(
        self,
        version: int,
        photo: Photo | None,
        model: str,
        soften: bool,
        detail: bool,
        percent: Percent,
        progress: gr.Progress,
    ) -> tuple[Any, ...]:
        if photo is None:
            raise gr.Error("Drop a photograph first, or once more if that was hours ago.")
        size, generator = _size(photo), self._generators[model]
        try:
            sides = sides_of(size, percent)
            passes = plan_expansion(generator, size, **sides._asdict()).passes
            check_passes(passes)
            canvas = expand(
                generator,
                photo.pixels,
                **sides._asdict(),
                feather=max(size) // 20 if soften else 0,
                detail=detail,
                seed=version - 1,
                progress=lambda done, of: progress(done / of, desc="painting"),
            )
        except InputError as error:
            raise gr.Error(str(error), duration=None) from error
        file = Path(tempfile.mkdtemp(dir=self._folder)) / "extrapolated.png"
        write_photo(file, canvas, photo, (sides.top, sides.left))
        levels = plan_detail(size, sides)
        told = [f"{canvas.shape[1]} x {canvas.shape[0]} pixels", f"{passes} {'pass' if passes == 1 else 'passes'}"]
        if detail:
            told.append(_told_of(levels))
        if not detail or levels is None:
            version = 0
        elif version > 1:
            told.append(f"version {version}")
        pair = (on_canvas(photo.pixels, sides), shown(canvas))
        return (
            version,
            self.varies(version, detail),
            gr.update(value=pair, visible=True),
            gr.update(value=str(file), visible=True),
            ", ".join(told),
        )


def _told_of(levels: Levels | None) -> str:
    if levels is None:
        return f"the photograph is too small for detail: it takes {LEAST_SIDE} pixels a side"
    halvings = levels.levels[-1].halvings
    return "detail from the photograph" + (f" at 1/{2**halvings} of its resolution" if halvings else "")


def _read_upload(path: Path, uploads: Uploads) -> Photo:
    content = uploads.take(path)
    try:
        with open_picture(content) as picture:
            width, height = picture.size
    except Image.DecompressionBombError as error:
        raise InputError(f"That photograph is too large; {_TAKES}.") from error
    except Exception as error:  # Pillow's decoders raise whatever the broken bytes provoke
        raise InputError("That file is no picture that can be read.") from error
    if width * height > _MAX_PIXELS:
        raise InputError(f"That photograph has {width * height / 1e6:.0f} million pixels; {_TAKES}.")
    return read_photo(path, content)


def _size(photo: Photo) -> Size:
    return photo.pixels.shape[0], photo.pixels.shape[1]
