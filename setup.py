"""List the packages, which pyproject.toml cannot: those it finds, and a folder of data from the top level."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["img2noise", "img2noise.*"]), "img2noise.zca_matrices"])
