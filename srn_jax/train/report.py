"""What a finished run tells its user: the held-out table, a contact sheet, and what to do next."""

import json
from pathlib import Path

from srn_jax.evaluate import held_out as judging
from srn_jax.evaluate import sheets, summary
from srn_jax.evaluate.fills import FILLS
from srn_jax.generators.generator import Generator
from srn_jax.geometry.placement import BETWEEN
from srn_jax.pictures.arrays import write_png
from srn_jax.programs import files
from srn_jax.train.loop import Outcome

_ROWS = 8  # held-out pictures on the contact sheet


def report(outcome: Outcome, workdir: Path) -> None:
    """Prints the scores of `outcome` beside the fills', writes them and a contact sheet, and names the files."""
    if outcome.interrupted:
        print(f"\nstopped by {outcome.interrupted}, saved as {outcome.checkpoint}; the same command goes on from there")
        return
    held_out = outcome.held_out
    painter = type(outcome.generator.model).__name__
    completed = {painter: judging.complete(outcome.generator, held_out)}
    completed |= {name: judging.fill(name, held_out) for name in FILLS}
    scores = {system: judging.mean_scores(images, held_out) for system, images in completed.items()}
    table = summary.markdown(summary.rows_of_a_run(scores))
    print(f"\n{len(held_out.images)} crops of held-out photographs, none of which was trained on:\n\n{table}\n")
    few = held_out.spread(_ROWS)
    columns = {"known": sheets.known_on_grey(few.images, few.masks), painter: judging.complete(outcome.generator, few)}
    columns |= {name: judging.fill(name, few) for name in FILLS} | {"truth": few.images}
    sheet = workdir / "contact_sheet.png"
    write_png(sheet, sheets.contact_sheet(columns))
    scores_file = workdir / "scores.json"
    files.write_text(scores_file, json.dumps(_numbers(scores), indent=2) + "\n")
    here = _relative(workdir)
    print(
        f"look at        {_relative(sheet)}\n"
        f"scores         {_relative(scores_file)}\n"
        f"curves         {here}/metrics.jsonl, or TensorBoard on {here}/tensorboard\n"
        f"checkpoint     {_relative(outcome.checkpoint) if outcome.checkpoint else 'none'}\n"
        f"{own_photos(outcome.generator, here)}"
    )


def _numbers(scores: dict[str, dict[str, summary.Mean]]) -> dict[str, dict[str, float]]:
    return {system: {name: row[name].mean for name in summary.OF_A_RUN} for system, row in scores.items()}


def own_photos(generator: Generator, here: str) -> str:
    """Returns how to paint with photographs of one's own."""
    program = f"  python -m srn_jax.infer --checkpoint {here}"
    if generator.placement in BETWEEN:
        given = "--input LEFT.jpg --input2 RIGHT.jpg --gap 300 --output joined.png"
        return f"between two photos of your own, of any sizes:\n{program} {given}"
    return f"around a photo of your own, of any size:\n{program} --input PHOTO.jpg --output extrapolated.png"


def _relative(path: Path) -> str:
    """Returns the path as the user would type it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
