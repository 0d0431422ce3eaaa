"""Data sets that lie in files: how each is divided, and that all that is missing is said at once."""

from pathlib import Path

import pytest

from srn_jax import config as settings
from srn_jax.data import layouts
from srn_jax.data.photographs import Files, Pictures
from srn_jax.errors import InputError
from tests.tiny import write_pictures


def data(path: Path, **changes) -> settings.Data:
    return settings.Data(path=str(path), **changes)


def names(pictures: Pictures) -> list[str]:
    assert isinstance(pictures, Files)
    return [path.name for path in pictures.paths]


def write_deepfashion(root: Path, counts: dict[str, int], list_folder: str = "Eval", above: str = "") -> list[str]:
    """Writes the benchmark with `counts` pictures of each status, and returns the lines of its list."""
    rows = []
    for number, (status, count) in enumerate(counts.items()):
        folder = f"img/WOMEN/Dresses/id_{number:08d}"
        write_pictures(root / above / folder, count, size=(8, 6))
        rows += [f"{folder}/picture_{n:03d}.png    id_{number:08d}    {status}" for n in range(count)]
    (root / list_folder).mkdir(exist_ok=True)
    lines = [str(len(rows)), "image_name item_id evaluation_status", *rows]
    (root / list_folder / "list_eval_partition.txt").write_text("\n".join(lines) + "\n")
    return lines


@pytest.mark.parametrize("evaluation", ["paris_eval_gt", "paris_eval/paris_eval_gt"])
def test_paris_has_a_folder_for_each_part(tmp_path, evaluation, caplog):
    write_pictures(tmp_path / "paris_train_original", 4)
    write_pictures(tmp_path / evaluation, 2)
    write_pictures(tmp_path / "paris_eval" / "paris_eval_corrupted", 2)  # never read
    training, held_out = layouts.paris_streetview(data(tmp_path))
    assert (len(training), len(held_out)) == (4, 2)
    messages = [record.getMessage() for record in caplog.records]
    assert "4 pictures in paris_train_original, 14,900 were published" in messages[0]
    assert "2 pictures in paris_eval_gt, 100 were published" in messages[1]


def test_paris_says_all_that_is_missing(tmp_path):
    with pytest.raises(
        InputError, match=r"data.path is '.*none', which is no folder; Paris StreetView takes the folders"
    ):
        layouts.paris_streetview(data(tmp_path / "none"))
    with pytest.raises(
        InputError, match=r"lacks paris_train_original/; paris_eval_gt/ or paris_eval/paris_eval_gt/; it"
    ):
        layouts.paris_streetview(data(tmp_path))
    write_pictures(tmp_path / "paris_train_original", 3)
    (tmp_path / "paris_eval_gt").mkdir()
    with pytest.raises(
        InputError, match=r"lacks pictures in paris_eval_gt/; it takes the folders paris_train_original/"
    ):
        layouts.paris_streetview(data(tmp_path))


def test_a_folder_of_the_users_replaces_what_is_held_out(tmp_path):
    write_pictures(tmp_path / "paris_train_original", 4)
    write_pictures(tmp_path / "mine", 1)
    training, held_out = layouts.paris_streetview(data(tmp_path, held_out_path=str(tmp_path / "mine")))
    assert (len(training), len(held_out)) == (4, 1)
    (tmp_path / "mine" / "more.png").symlink_to(tmp_path / "paris_train_original" / "picture_002.png")
    with pytest.raises(InputError, match=r"would hold out 1 pictures that it trains on, such as .*picture_002.png"):
        layouts.paris_streetview(data(tmp_path, held_out_path=str(tmp_path / "mine")))


@pytest.mark.parametrize("folder", ["texture", "ETH_Synthesizability/texture", "some/where"])
def test_ethz_holds_out_its_last_textures(tmp_path, folder):
    write_pictures(tmp_path / folder, 5)
    if folder != "some/where":
        write_pictures(tmp_path / "synthesized", 3)  # never read
    training, held_out = layouts.ethz(data(tmp_path, held_out=2))
    assert names(training) == ["picture_000.png", "picture_001.png", "picture_002.png"]
    assert names(held_out) == ["picture_003.png", "picture_004.png"]
    with pytest.raises(InputError, match=r"data.held_out is 5, but .* holds 5 pictures; it takes at least 1 and must"):
        layouts.ethz(data(tmp_path, held_out=5))


def test_ethz_without_textures(tmp_path):
    with pytest.raises(
        InputError, match=r"ETHZ Synthesizability lacks pictures in ./; it takes the folder texture/ of ETH"
    ):
        layouts.ethz(data(tmp_path))


@pytest.mark.parametrize(("list_folder", "above"), [("Eval", ""), (".", ""), ("Eval", "Img")])
def test_deepfashion_is_divided_by_its_list(tmp_path, list_folder, above):
    write_deepfashion(tmp_path, {"train": 3, "query": 2, "gallery": 1}, list_folder, above)
    write_pictures(tmp_path / above / "img" / "MEN", 2)  # not listed
    training, held_out = layouts.deepfashion(data(tmp_path))
    assert (len(training), len(held_out)) == (3, 3)
    assert all(Path(training.name(index)).is_file() for index in range(3))


def test_deepfashion_says_all_that_is_missing(tmp_path):
    with pytest.raises(
        InputError, match=r"lacks Eval/list_eval_partition.txt; img/; it takes the folder img/ of Img/img"
    ):
        layouts.deepfashion(data(tmp_path))
    write_deepfashion(tmp_path, {"train": 3, "query": 2, "gallery": 2})
    for number, count in ((0, 2), (2, 1)):
        for picture in range(count):
            (tmp_path / f"img/WOMEN/Dresses/id_{number:08d}/picture_{picture:03d}.png").unlink()
    train = r"2 of the 3 pictures that the list has as train, such as img/WOMEN/Dresses/id_00000000/picture_000.png"
    with pytest.raises(
        InputError, match=rf"lacks {train}; 1 of the 2 pictures that the list has as gallery, such as img"
    ):
        layouts.deepfashion(data(tmp_path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [], "its first line is '', not the number of pictures"),
        (lambda lines: ["list", *lines[1:]], "its first line is 'list', not the number of pictures"),
        (lambda lines: lines[:-1], "it lists 3 pictures, not 4 as its first line says"),
        (
            lambda lines: [*lines, "a.jpg id_1 test"],
            "its line 7 is 'a.jpg id_1 test', not a picture, an item, and train",
        ),
        (lambda lines: ["3", lines[1], "", *lines[2:5]], "pictures that the list has as gallery"),
    ],
)
def test_deepfashions_list_is_checked(tmp_path, change, message):
    lines = write_deepfashion(tmp_path, {"train": 2, "query": 1, "gallery": 1})
    (tmp_path / "Eval" / "list_eval_partition.txt").write_text("\n".join(change(lines)))
    with pytest.raises(InputError, match=message):
        layouts.deepfashion(data(tmp_path))


def test_deepfashion_never_trains_on_what_it_holds_out(tmp_path):
    lines = write_deepfashion(tmp_path, {"train": 2, "query": 1, "gallery": 1})
    lines = ["5", *lines[1:], lines[2].replace("train", "query")]
    (tmp_path / "Eval" / "list_eval_partition.txt").write_text("\n".join(lines))
    with pytest.raises(InputError, match=r"would hold out 1 pictures that it trains on, such as .*picture_000.png"):
        layouts.deepfashion(data(tmp_path))
