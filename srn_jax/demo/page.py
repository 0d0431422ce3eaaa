"""The page: what is on it, and which action each part calls."""

from pathlib import Path

import gradio as gr

from srn_jax.demo.actions import START, Actions
from srn_jax.demo.canvas import MAX_PERCENT, PRESETS
from srn_jax.generators.bundled import DEFAULT, KINDS
from srn_jax.generators.generator import Generator

# What the page shows lies in files, for so long at most; all of them go when the program ends.
_KEEP_SECONDS = 900
_CLEAN_EVERY_SECONDS = 60
_REMEMBER_SECONDS = 4 * 3600  # a visitor's photograph, in memory
_INTRODUCTION = (
    "# Beyond the borders\n"
    "Drop a photograph (JPEG, PNG, WebP, HEIC), choose a canvas, and a small neural network paints what might be "
    "around it; pieces of the photograph give it detail. The photograph itself is not changed. Everything happens on "
    "this computer."
)
_SCALE = (
    "- Around larger photographs a model paints at that scale. With detail, what it paints says what lies where, and "
    "pieces of the photograph itself make the picture; without, what it paints is enlarged."
)
CSS = """
.gradio-container { max-width: 1100px !important; margin: 0 auto !important }
footer { display: none !important }
.margin .head { flex-wrap: nowrap; gap: 0.25rem }
.margin input[type=number] { min-width: 3rem; padding-inline: 0.25rem }
.margin .min_value, .margin .max_value { display: none }
#another { padding-inline: 0.5rem; white-space: nowrap }
/* Progress: in the picture where there is one, else in the empty text, which would hide it */
#told:has(.pending) { min-height: 4.5rem }
#result ~ #told { min-height: 0 !important }
#result ~ #told .wrap { display: none }
"""


def theme() -> gr.themes.Base:
    """Returns a theme with the system's own fonts: nothing is fetched from elsewhere."""
    return gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])


def build(generators: dict[str, Generator], folder: Path) -> gr.Blocks:
    """Returns the page of `generators`, by name, the first one chosen; files to download go below `folder`."""
    act, names = Actions(generators, folder), list(generators)
    with gr.Blocks(
        title="Beyond the borders", analytics_enabled=False, delete_cache=(_CLEAN_EVERY_SECONDS, _KEEP_SECONDS)
    ) as page:
        gr.Markdown(_INTRODUCTION)
        photo = gr.State(None, time_to_live=_REMEMBER_SECONDS)
        version = gr.State(0)  # of what was painted with detail; 0 where nothing was
        with gr.Row():
            with gr.Column(min_width=300):
                upload = gr.File(label="Photograph", file_types=["image"], elem_id="upload", height=170)
                example = gr.Button("or take an example", size="sm", elem_id="example")
                canvas = gr.Image(label="On its canvas", interactive=False, elem_id="canvas", buttons=[], height=300)
            with gr.Column(min_width=300):
                model = gr.Radio(names, value=names[0], label="Model", visible=len(names) > 1, elem_id="model")
                preset = gr.Radio(
                    list(PRESETS), value=START, label="Canvas: margins in % of the photograph", elem_id="preset"
                )
                with gr.Row():
                    rows = [_slider("Top"), _slider("Bottom")]
                with gr.Row():
                    columns = [_slider("Left"), _slider("Right")]
                with gr.Row():
                    detail = gr.Checkbox(
                        True, label="Detail", info="texture from the photograph itself", elem_id="detail", min_width=140
                    )
                    soften = gr.Checkbox(True, label="Soften the border", elem_id="soften", min_width=140)
                with gr.Row(equal_height=True):
                    button = gr.Button("Paint", variant="primary", interactive=False, elem_id="paint", min_width=100)
                    another = gr.Button("Another version", interactive=False, elem_id="another", min_width=180)
        result = gr.ImageSlider(
            label="Before and after: move the line", interactive=False, visible=False, elem_id="result", buttons=[]
        )
        told = gr.Markdown(elem_id="told")
        download = gr.DownloadButton("Download PNG", visible=False, elem_id="download")
        gr.Markdown("\n".join([*(_about(*item) for item in generators.items()), _SCALE]))

        margins = [*rows, *columns]
        made = [version, another, result, download, told]
        taken = [photo, *margins, canvas, button, *made]
        upload.change(act.read, upload, taken, show_progress="hidden")
        example.click(act.example, model, taken, show_progress="hidden")
        preset.input(act.preset, [photo, preset], margins, show_progress="hidden")
        gr.on(
            [slider.change for slider in margins],
            act.preview,
            [photo, *margins],
            canvas,
            show_progress="hidden",
            trigger_mode="always_last",
        )
        detail.input(act.varies, [version, detail], another, show_progress="hidden")
        settings = [photo, model, soften, detail, *margins]
        one_at_a_time = {"concurrency_id": "paint", "concurrency_limit": 1}
        button.click(act.paint, settings, made, **one_at_a_time)
        another.click(act.another, [version, *settings], made, **one_at_a_time)
    return page


def _slider(side: str) -> gr.Slider:
    return gr.Slider(
        0, MAX_PERCENT, 50, step=1, label=side, elem_id=side.lower(), elem_classes="margin", min_width=140, buttons=[]
    )


def _about(name: str, generator: Generator) -> str:
    known, canvas = (f"{width}x{height}" for height, width in (generator.known, generator.canvas))
    learned = ""
    if name == DEFAULT:
        learned = f"for any photograph; learned from {KINDS[name]}, and "
    elif name in KINDS:
        learned = f"an example of one kind alone: learned from {KINDS[name]}, and "
    return f"- Model {name}: {learned}trained to go from {known} to {canvas} pixels."
