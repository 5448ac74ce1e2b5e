"""`python -m img2noise`: the command line."""

from .cli import app

app(prog_name="python -m img2noise")
