"""What was called otherwise before: still taken from configuration files, command lines, records and checkpoints."""

import dataclasses
import json

import pytest
from absl import flags

from srn_jax import config as settings
from srn_jax.config.flags import parse_or_fail
from srn_jax.convert.options import parse as parse_convert
from srn_jax.errors import InputError
from srn_jax.generators.generator import Generator, architecture, from_architecture
from srn_jax.infer.options import parse as parse_infer
from srn_jax.models.srn import SRN
from srn_jax.train import workdir
from tests import tiny

FORMER = {"geometry.margins": "geometry.placement", "model.blend": "model.rho"}


def test_each_former_name_is_of_a_setting():
    assert settings.former_names() == FORMER
    assert not FORMER.keys() & settings.fields_of(settings.Config()).keys()
    assert settings.fields_of(settings.Config()).keys() >= set(FORMER.values())


def test_a_configuration_file_may_use_them():
    config = settings.Config()
    config.geometry.margins = "top"
    config.model.blend = 0.25
    assert (config.geometry.placement, config.model.rho) == ("top", 0.25)
    assert (config.geometry.margins, config.model.blend) == ("top", 0.25)
    assert "margins" not in dataclasses.asdict(config)["geometry"]


@pytest.mark.parametrize("form", ["--config.geometry.margins=top", "--config.geometry.placement=top"])
def test_the_command_line_of_training_takes_them(form, monkeypatch):
    class Flags(set[str]):
        def __call__(self, argv: list[str]) -> list[str]:
            return argv

    monkeypatch.setattr(flags, "FLAGS", Flags())
    assert parse_or_fail(["main", form]) == ["main", "--config.geometry.placement=top"]


def test_a_run_that_was_recorded_with_them_goes_on(tmp_path):
    config = settings.resolve(tiny.config(geometry__placement="top", model__rho=0.25))
    workdir.claim(tmp_path, config, {}).close()
    record = json.loads((tmp_path / "config.json").read_text())
    record["geometry"]["margins"] = record["geometry"].pop("placement")
    record["model"]["blend"] = record["model"].pop("rho")
    (tmp_path / "config.json").write_text(json.dumps(record))
    workdir.check(tmp_path, config, {})
    config.geometry.placement = "center"
    with pytest.raises(InputError, match=r"\(geometry.placement was 'top', is 'center'\)"):
        workdir.check(tmp_path, config, {})


def test_a_checkpoint_that_was_written_with_them_loads():
    model = SRN((2, 2), width=4, rho=0.25)
    now = architecture(Generator({}, model, (8, 12), (16, 24), "top"))
    before = {name: value for name, value in now.items() if name != "placement"} | {"margins": "top"}
    before["model"] = {name: value for name, value in now["model"].items() if name != "rho"} | {"blend": 0.25}
    assert architecture(from_architecture(before)) == now


@pytest.mark.parametrize("name", ["--margins", "--placement"])
def test_infer_takes_them(name):
    assert parse_infer(["--input", "a.png", "--output", "b.png", name, "top"]).wanted.placement == "top"


@pytest.mark.parametrize("names", [("--margins", "--blend"), ("--placement", "--rho")])
def test_convert_takes_them(names):
    found = parse_convert(["--tf-checkpoint", "a", "--output", "b", names[0], "top", names[1], "0.25"])
    assert (found.placement, found.rho) == ("top", 0.25)
