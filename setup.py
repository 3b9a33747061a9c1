"""Builds and installs af2jax."""

from pathlib import Path

from setuptools import find_packages, setup

RELAX = ["openmm>=8.2", "pdbfixer"]
TRAIN = ["pyarrow", "tensorboardX"]
READERS = ["biotite", "biopython", "modelcif"]  # other programs' eyes on our files
DOCS = ["sphinx", "myst-parser", "furo"]
NOTEBOOK = ["nbclient", "nbformat", "ipykernel"]
DEV = ["pytest", "pytest-xdist", "hypothesis", "beartype", "ruff", "build", *READERS, *RELAX, *TRAIN, *DOCS, *NOTEBOOK]

setup(
    name="af2jax",
    version="0.1.0",
    description="AlphaFold 2 in JAX/Flax, for fine-tuning",
    long_description=(Path(__file__).parent / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["af2jax", "af2jax.*"]),
    package_data={
        "af2jax.constants": ["tables/*.tsv"],
        "af2jax.html": ["*.js", "*.css"],
        "af2jax.pretrained": ["weights/*"],
    },
    install_requires=[
        "absl-py",
        "chex",
        "filelock>=3.30",
        "flax>=0.12",
        "gemmi>=0.7",
        "jax>=0.10,<0.13",
        "jaxtyping",
        "matplotlib",
        "numpy",
        "optax",
        "orbax-checkpoint",
        "packaging",
        "pillow",
        "pyhmmer>=0.12",
        "pyyaml",
        "rich",
        "scipy",
        "tyro>=1.0",
    ],
    extras_require={
        "relax": RELAX,
        "train": TRAIN,
        "docs": DOCS,
        "dev": DEV,
        "oracle": ["alphafold-colabfold==2.3.18", "dm-haiku"],
    },
    entry_points={"console_scripts": ["af2jax=af2jax.cli.main:main"]},
)
