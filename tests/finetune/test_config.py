"""A training's config: read, changed, refused by name, and saved without loss."""

import json

import pytest

from af2jax.errors import InputError
from af2jax.finetune.config import EARLIER, Training, from_dict, read

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

# what a run directory of the first months holds
BEGUN = json.loads(
    '{"data": "table.csv", "valid": "", "params": "", "preset": "tiny", "recipe": "lora", "blocks": 4, "rank": 2, '
    '"targets": "all", "rules": [], "heads": {"ss": {"kind": "residue", "classes": 3, "outputs": 0, "reads": "", '
    '"pool": "mean", "class_weights": [], "mean": 0.0, "std": 1.0, "unit": "", "names": ["H", "E", "C"], '
    '"calibration": null}}, "keep_heads": false, "losses": {"ss": 1.0, "fape": 0.5}, "steps": 1000, "batch_size": 1, '
    '"accumulate": 1, "learning_rate": 0.001, "warmup": 0, "weight_decay": 0.0, "clip": null, "clip_example": 0.1, '
    '"layer_decay": 1.0, "ema": 0.9, "dropout": true, "num_recycle": null, "crop": 256, "clusters": 5, "extra": 6, '
    '"clamped": 0.5, "mask_target": 0.0, "dtype": "float32", "chunk": 0, "remat": true, "seed": 0, "cache": false, '
    '"cache_dir": "", "draws": 3, "validate_every": 100, "save_every": 100, "keep": 2, "monitor": "loss", '
    '"patience": 0, "max_bad": 7, "strict": false}'
)


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


def test_under_headings(path):
    """The same fields in a list or in tables by group; the groups are all fields, in their order."""
    whole = read(path)
    head, inner = TOML.split("[heads.ss]")
    values = {line.split(" = ")[0]: line for line in head.split("\n") if line}
    of = {"data": ("data",), "schedule": ("steps",), "optimizer": ("learning_rate",)}
    under = {group: "\n".join([f"[{group}]", *map(values.pop, names)]) for group, names in of.items()}
    path.write_text("\n".join([*under.values(), "[model]", *values.values(), f"[model.heads.ss]{inner}"]))
    assert read(path) == whole
    path.write_text(f"steps = 3\n{path.read_text()}")
    with pytest.raises(InputError, match=r"steps stands in \[schedule\] and outside; give it once"):
        read(path)
    assert whole.replace(["schedule.steps=7", "model.heads.ss.std=2"]) == whole.replace(["steps=7", "heads.ss.std=2"])


def test_a_run_that_was_begun_with_earlier_names(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(BEGUN))
    training = read(tmp_path / "config.json")
    found = training.to_dict()
    kept = {"data": str(tmp_path / "table.csv"), "rules": (), "heads": found["heads"]}
    assert {name: found[EARLIER.get(name, name)] for name in BEGUN} == BEGUN | kept
    assert found.keys() == {EARLIER.get(name, name) for name in BEGUN} | {"variants"}  # which came later
    assert training.heads["ss"].names == ("H", "E", "C") and training.lora_modules == "all"


def test_earlier_names_are_answered_by_those_of_now(path):
    path.write_text(f"clusters = 3\nmax_bad = 2\n{TOML}")
    with pytest.raises(InputError, match=r"config\.toml: clusters, max_bad are called max_msa_clusters, max_skipped_s"):
        read(path)
    with pytest.raises(InputError, match="the changes: keep is called keep_checkpoints now"):
        Training("d").replace(["keep=3"])


def test_changes():
    training = Training("d", heads={}).replace(["steps=7", "preset=model_3", 'rules=[[".*", "train"]]', "clip=null"])
    assert (training.steps, training.preset, training.rules, training.clip) == (7, "model_3", ((".*", "train"),), None)
    inside = training.replace(['heads={"x": {"kind": "chain", "outputs": 1}}']).replace(["heads.x.std=2.5"])
    assert inside.heads["x"].std == 2.5
    assert training.losses is None and training.replace(["losses.fape=0.5"]).losses == {"fape": 0.5}


@pytest.mark.parametrize(
    "change, message",
    [
        ("learnin_rate=1", 'unknown field learnin_rate; did you mean "learning_rate"?'),
        ("steps", 'expected name=value, such as learning_rate=1e-4, got "steps"'),
        ("steps.x=3", '"steps.x=3": steps is 1000, which has no fields'),
        ("steps=1.5", "steps: expected an integer, got 1.5"),
        ("steps=true", "steps: expected an integer, got True"),
        ("strict=1", "strict: expected true or false, got 1"),
        ("learning_rate=abc", "the changes: learning_rate: expected a float, got 'abc'"),
        ("data=3", "data: expected a string, got 3"),
        ("losses=3", "losses: expected a table, got 3"),
        ("rules=all", "rules: expected a list, got 'all'"),
        ('heads.ss={"kind": "residue", "classes": "H"}', "heads.ss: classes: expected an integer or a list, got 'H'"),
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
        ("heads.ss.classe=3", 'heads.ss: unknown field classe; did you mean "classes"?'),
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
