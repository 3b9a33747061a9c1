"""A training's config: read, changed, refused by name, and saved without loss."""

import json

import pytest

from af2jax.errors import InputError
from af2jax.finetune.config import Training, from_dict, read

TOML = """
data = "data.csv"
params = "/weights"
preset = "alphafold2_ptm_model_1"
recipe = "last_blocks"
blocks = 2
steps = 50
learning_rate = 1
[heads.ss]
kind = "residue"
classes = 3
[classes]
ss = ["H", "E", "C"]
[losses]
ss = 1
fape = 0.5
"""


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(TOML)
    return file


def test_a_file(path):
    training = read(path)
    assert training.preset == "model_1_ptm" and training.blocks == 2
    assert isinstance(training.learning_rate, float) and training.learning_rate == 1.0
    assert training.data == str(path.parent.resolve() / "data.csv") and training.params == "/weights"
    assert training.heads["ss"].classes == 3 and training.heads["ss"].names == ("H", "E", "C")
    assert training.losses == {"ss": 1.0, "fape": 0.5}


@pytest.mark.parametrize("head", ['classes = ["H", "E", "C"]', 'classes = 3\nnames = ["H", "E", "C"]'])
def test_classes_by_name(path, head):
    text = TOML.replace("classes = 3", head).replace('[classes]\nss = ["H", "E", "C"]\n', "")
    whole = read(path)
    path.write_text(text)
    assert read(path) == whole and "[classes]" not in text


def test_what_is_saved_reads_the_same(path, tmp_path):
    training = read(path)
    (tmp_path / "config.json").write_text(json.dumps(training.to_dict()))
    assert read(tmp_path / "config.json") == training


def test_changes():
    training = Training("d", heads={}).replace(["steps=7", "preset=model_3", 'rules=[[".*", "train"]]', "clip=null"])
    assert (training.steps, training.preset, training.rules, training.clip) == (7, "model_3", ((".*", "train"),), None)
    inside = training.replace(['heads={"x": {"kind": "chain", "outputs": 1}}']).replace(["heads.x.std=2.5"])
    assert inside.heads["x"].std == 2.5


@pytest.mark.parametrize(
    "change, message",
    [
        ("learnin_rate=1", 'learnin_rate is no field; did you mean "learning_rate"?'),
        ("steps", "is no change; write name=value"),
        ("steps=1.5", "steps = 1.5 is no int"),
        ("steps=true", "steps = True is no int"),
        ("strict=1", "strict = 1 is no bool"),
        ("steps=0", "steps = 0 must be 1 or more"),
        ("learning_rate=NaN", "learning_rate = nan must be positive"),
        ("clip=-1", "clip = -1.0 must be 0 or more"),
        ("ema=1", "ema = 1.0 must lie between 0 and 1"),
        ("mask_target=2", "mask_target = 2.0 is a share of the examples; give 0 to 1"),
        ("warmup=1000", "warmup = 1000 must be below steps = 1000"),
        ("recipe=head", 'recipe = "head" is not known'),
        ("dtype=float16", 'dtype = "float16" is not known'),
        ("preset=model_6", 'no preset is called "model_6"'),
        ("heads=3", "heads must be a table by head"),
        ("heads.ss.kind=residue", "give either classes"),
        ("heads.ss.classe=3", 'heads.ss: classe is no field; did you mean "classes"?'),
        ('classes.ss=["H"]', "classes.ss names 1 class; heads.ss must have as many"),
        ("classes=3", "classes must be a table by head"),
        ('heads.ss={"kind": "residue", "classes": ["H", "H"]}', "must have different names"),
        ("cache=true", "cache = true needs dropout = false"),
    ],
)
def test_one_line_for_each_fault(change, message):
    with pytest.raises(InputError) as error:
        Training("d").replace([change])
    assert message in str(error.value) and "\n" not in str(error.value)


def test_what_is_no_config(tmp_path):
    with pytest.raises(InputError, match=r"c\.toml is neither TOML nor JSON"):
        (tmp_path / "c.toml").write_text("data = ")
        read(tmp_path / "c.toml")
    with pytest.raises(InputError, match="data is missing"):
        from_dict({}, "c")
    with pytest.raises(InputError, match=r"none\.toml: no such file"):
        read(tmp_path / "none.toml")
