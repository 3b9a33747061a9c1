"""The house stands: floors, who may import what, the size of files, and what may appear nowhere."""

import ast
import inspect
import re
import runpy
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "af2jax"
FILES = sorted(PACKAGE.rglob("*.py"))

# The floor of each package or module; imports go down only. Packages on one floor are strangers to each other.
FLOORS = {
    "typing": 0,
    "words": 0,
    "lazy": 0,
    "errors": 0,
    "files": 0,
    "locks": 0,
    "constants": 0,
    "config": 1,
    "geometry": 1,
    "transfer": 1,
    "compilation": 1,
    "processes": 1,
    "schema": 2,
    "nn": 2,
    "protein": 2,
    "data": 3,
    "model": 3,
    "losses": 3,
    "metrics": 3,
    "plots": 4,
    "folds": 4,
    "heads": 4,
    "audit": 5,
    "relax": 4,
    "html": 5,
    "pretrained": 5,
    "results": 5,
    "inference": 6,
    "finetune": 7,
    "evaluation": 8,
    "scoring": 7,
    "effects": 7,
    "conformations": 7,
    "screening": 8,
    "profile": 8,
    "report": 9,
    "cli": 10,
}

# Who may import a library; others are free.
LIBRARIES = {
    "flax": ("nn", "model", "heads", "finetune", "geometry", "schema", "pretrained", "protein"),
    "optax": ("finetune",),
    "chex": ("finetune",),
    "orbax": ("pretrained",),
    "gemmi": ("protein", "data"),
    "filelock": ("locks",),
    "fcntl": (),
    "pyhmmer": ("data",),
    "openmm": ("relax",),
    "pdbfixer": ("relax",),
    "matplotlib": ("plots",),
    "tyro": ("cli",),
    "rich": ("cli",),
    "pickle": (),
    "torch": (),
    "tensorflow": (),
    "haiku": ("profile",),
    "alphafold": ("profile",),
}

# Packages by what is imported of them, where the two names differ.
PACKAGES = {
    "PIL": "pillow",
    "absl": "absl-py",
    "alphafold": "alphafold-colabfold",
    "haiku": "dm-haiku",
    "orbax": "orbax-checkpoint",
    "yaml": "pyyaml",
}
OF_SCRIPTS = {"tokamax"}  # asks for a typeguard with which the command line does not start: see docs/speed.md


def imports(path: Path, inside: bool = True) -> list[str]:
    """Every module that a file imports, dotted; `inside`: those too that a function imports when it is called."""
    found, tree = [], ast.parse(path.read_text())
    for node in ast.walk(tree) if inside else tree.body:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def room(path: Path) -> str:
    """The package or module of the first level that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path):
    here = room(path)
    if here in ("__init__", "__main__"):
        return
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top in LIBRARIES:
            assert here in LIBRARIES[top], f"{here} may not import {top}"
        if top == "af2jax":
            other = rest.split(".")[0]
            assert other in FLOORS, f"{path}: {name} has no floor"
            assert other == here or FLOORS[other] < FLOORS[here], (
                f"{here} (floor {FLOORS[here]}) imports {other} (floor {FLOORS[other]})"
            )


def circles(files: dict[str, Path]) -> set[str]:
    """The modules (files by dotted name) that import themselves by way of others, inside functions or not."""
    below = {}
    for name, path in files.items():
        found = (n if n in files else n.rpartition(".")[0] for n in imports(path))
        below[name] = {n for n in found if n in files} - {name}
    while free := {name for name, needed in below.items() if not needed & below.keys()}:
        below = {name: needed for name, needed in below.items() if name not in free}
    while top := below.keys() - set().union(*below.values()):  # these import a circle, and are in none
        below = {name: needed for name, needed in below.items() if name not in top}
    return set(below)


def test_no_import_goes_in_circles():
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in FILES}
    assert not circles(names)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_circle_is_found(lazy, tmp_path):
    back = "def f():\n    from p.a import x" if lazy else "import p.a"
    texts = {"p.a": "from p import b", "p.b": "from p.c import y", "p.c": back, "p.d": "import p.a", "p.e": "import re"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    assert circles({name: tmp_path / name for name in texts}) == {"p.a", "p.b", "p.c"}


def test_reading_a_run_prepares_no_training():
    """What `af2jax.load` imports of finetune/, now or later, has no step, optimizer or loop."""
    reached, left = set(), {"run"}
    while left:
        name = left.pop()
        reached.add(name)
        found = [one.split(".") for one in imports(PACKAGE / "finetune" / f"{name}.py")]
        left |= {one[2] for one in found if one[:2] == ["af2jax", "finetune"]} - reached
    assert reached == {"run", "config", "lora", "rules"}
    assert imports(PACKAGE / "finetune" / "__init__.py") == ["af2jax.lazy.attributes"]  # its names are loaded on use


@pytest.fixture
def declared(monkeypatch):
    """The packages of setup.py: (those always installed, those of extras)."""
    given = {}
    fake = types.SimpleNamespace(setup=lambda **options: given.update(options), find_packages=lambda **options: [])
    monkeypatch.setitem(sys.modules, "setuptools", fake)
    runpy.run_path(str(ROOT / "setup.py"))
    name = lambda requirement: re.match(r"[\w.-]+", requirement)[0]
    extras = (requirement for group in given["extras_require"].values() for requirement in group)
    return {name(r) for r in given["install_requires"]}, {name(r) for r in extras}


def test_every_import_is_declared(declared):
    """Anywhere in the package, also where it is used; what a module needs to be imported is always installed."""
    always, extras = declared

    def undeclared(names, packages):
        tops = {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"af2jax", *OF_SCRIPTS}
        return {PACKAGES.get(top, top) for top in tops} - packages

    lacking = {str(path.relative_to(PACKAGE)): undeclared(imports(path), always | extras) for path in FILES}
    assert not {path: names for path, names in lacking.items() if names}
    lacking = {str(path.relative_to(PACKAGE)): undeclared(imports(path, False), always) for path in FILES}
    assert not {path: names for path, names in lacking.items() if names}


def test_every_dependency_has_its_licence(declared):
    text = (ROOT / "third_party" / "README.md").read_text()
    listed = {name for row in re.findall(r"^\| ([\w, -]+) \|", text, re.MULTILINE) for name in row.split(", ")}
    assert declared[0] <= listed


def test_files_have_one_subject_each():
    python = [*FILES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "experiments").rglob("*.py")]
    long = {str(p.relative_to(ROOT)): n for p in python if (n := len(p.read_text().splitlines())) > 400}
    assert not long


def test_one_implementation_for_one_chain_and_several():
    allowed = ("config.py", "pretrained/", "data/pairing.py", "cli/colabfold.py")
    found = [
        f"{p.relative_to(PACKAGE)}:{i}"
        for p in FILES
        if not str(p.relative_to(PACKAGE)).startswith(allowed)
        for i, line in enumerate(p.read_text().splitlines(), 1)
        if re.search(r"(?<!-)multimer", line.replace("AlphaFold-Multimer", ""), re.IGNORECASE)
    ]
    assert not found


def test_nothing_of_this_machine():
    ours = (p for top in ROOT.iterdir() if not top.name.startswith((".v", ".git")) for p in (top, *top.rglob("*")))
    text = [p for p in ours if p.suffix in (".py", ".md", ".toml", ".tsv") or p.name in ("Makefile", "run")]
    assert ROOT / ".ci" / "run" in text and ROOT / "README.md" in text
    words = re.compile(r"/work/|/root/|/tmp/|allow_pickle=True|http://1[0-9]|localhost")
    found = [
        f"{p.relative_to(ROOT)}:{i}"
        for p in text
        if p != Path(__file__)
        for i, line in enumerate(p.read_text().splitlines(), 1)
        if words.search(line)
    ]
    assert not found


def test_every_public_name_is_there():
    import af2jax

    for name in af2jax.__all__:
        assert getattr(af2jax, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = af2jax.nothing


# What readers are not told, and why. Patterns ignore case; a page may not hold one, nor a text that a user sees.
BANNED = {
    r"\brivals?\b": "baseline is the word of the field",
    r"\brelatives\b": "homologues",
    r"(?<!-)(?<!(?:amino-acid|upper-case|lower-case) )(?<!Latin )\bletters?\b": "residues, or characters",
    r"\bsaid\b": "a network predicts, a page states",
    r"\bla(id|ys?) (over|on)\b": "structures are superposed on, sequences aligned to each other",
    r"\bby heart\b": "a network memorises",
    r"\b(goes|go|went|gone) on\b": "a run resumes, a chain continues",
    r"\basks? nothing of\b|\bneeds no network\b": "self-contained, works offline; a network here is a neural network",
    r"(?<!there )\b(is|are) no (?!longer|more|less|fewer|better|worse|farther|one\b)": "is not a",
    r"\bhome again\b": "exported, or back in DeepMind's format",
    r"\bin (every|any) bit\b": "bit-identical",
    r"\bdata bases?\b": "database",
    r"\bcommonest class\b": "majority class",
    r"\bin earnest\b": "say what was and what was not done",
    r"\b(weights|parameters|numbers) (made )?by (a )?rule\b": "synthetic weights",
    r"\bheld to (the|a) (SHA|digest)": "verified against",
    r"\bChanges our mind\b": "Revisit if",
    r"\bchange places\b": "identical chains are permuted, labels shuffled",
    r"\banew\b": "again, or from the start",
    r"\blies? beside\b": "is next to, or is stored with",
    r"\b(the|its|same) bits\b": "bit-identical",
    r"\blessen(s|ed)?\b": "reduces",
    r"\bmend(s|ed)?\b": "fixes, or corrects",
    r"\bso many (?!that|as|other)\w": "N, or this many",
    r"\bfault of (af2jax|ours)\b": "internal error",
    r"\bdone before\b": "already done",
    r"\bwhole road\b": "from end to end",
    r"\bnobody (asks|knows|looked)\b": "is not known, or was not checked",
    r"\bspeaks? of\b": "mentions, or declares",
    r"\bowed to\b": "due to",
}
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "WORKSPACE.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += [PACKAGE / "pretrained" / "weights" / "README.md", ROOT / "CHANGELOG.md"]
PAGES += sorted((ROOT / "experiments").rglob("*.md"))
SCRIPTS = [*sorted((ROOT / "experiments").glob("*.py")), *sorted((ROOT / "benchmarks").glob("*.py"))]
NOT_YET: set[str] = set()  # rooms whose texts are not looked at yet


def banned(text: str) -> list[str]:
    return [f'"{found[0]}" ({why})' for pattern, why in BANNED.items() if (found := re.search(pattern, text, re.I))]


def shown(path: Path) -> list[tuple[int, str]]:
    """(line, text) of what users see of a file: strings that are sentences, and docstrings of commands and flags.

    Docstrings elsewhere are for who reads the code; those of public names are looked at by name.
    """
    tree, found = ast.parse(path.read_text()), []
    scopes = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, scopes) and node.body and isinstance(node.body[0], ast.Expr)
    }
    commands = {
        id(statement.value)
        for node in tree.body
        if path.is_relative_to(PACKAGE / "cli") and isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.Expr)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or " " not in node.value.strip():
            continue
        if id(node) in commands or id(node) not in documents:
            found.append((node.lineno, " ".join(node.value.split())))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_are_in_plain_words(page):
    comments = lambda block: " ".join(re.findall(r"#\s(.*)", block[0]))  # of code, what is written for people
    text = re.sub(r"^```.*?^```", comments, page.read_text(), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"\s+", " ", re.sub(r"`[^`]*`", " ", text))
    assert not banned(text)


@pytest.mark.parametrize(
    "path", [p for p in FILES if room(p) not in NOT_YET], ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_messages_and_captions_are_in_plain_words(path):
    assert not [f"{path.relative_to(ROOT)}:{line}: {why}" for line, text in shown(path) for why in banned(text)]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_scripts_are_in_plain_words(path):
    """Their messages, and the docstring that --help prints."""
    document = " ".join((ast.get_docstring(ast.parse(path.read_text())) or "").split())
    found = [(1, document), *shown(path)]
    assert not [f"{path.relative_to(ROOT)}:{line}: {why}" for line, text in found for why in banned(text)]


def test_public_docstrings_are_in_plain_words():
    import af2jax
    from tests.test_docs import public

    for name in public():
        value = af2jax
        for part in name.split("."):
            value = getattr(value, part)
        if (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__.split(".")[1] not in NOT_YET:
            assert not banned(" ".join((inspect.getdoc(value) or "").split())), name


def test_a_banned_phrase_is_found(tmp_path):
    """In a message, in a flag's help and in an f-string, and not in a key or a private docstring."""
    assert banned("the rivals of a network") and banned("x is no float") and not banned("there is no file")
    file = PACKAGE / "cli" / "made.py"
    text = '"""Letters."""\nclass A:\n    """A rival of it."""\n    b: int\n    """A letter of it."""\n'
    text += '    def run(self):\n        """letters of it"""\n        print(f"{x} goes on here", "letter")\n'

    class Made(type(file)):
        def read_text(self):
            return text

    found = [line for line, words in shown(Made(file)) if banned(words)]
    assert sorted(found) == [3, 5, 8]


def test_the_words_of_an_internal_error_are_in_one_place():
    assert [path.name for path in FILES if "internal error (" in path.read_text()] == ["errors.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nothing_is_called_said(path):
    """What a network predicts is called so in names too."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {node.arg for node in nodes if isinstance(node, ast.arg)}
    assert "said" not in names | {node.id for node in nodes if isinstance(node, ast.Name)}
