"""`python -m benchmarks [annealing | one-shot | fit | inversion | edges | products | gains | similarity |
whiteners | papers | photo32 | reproducibility | edits]`: tables of what is claimed, what is measured and
against what.
"""

from __future__ import annotations

import typer

from . import annealing, edges, fitting, gains, inversion, one_shot, photo32, products, similarity, whiteners
from .edits import command as edits
from .papers import command as papers
from .reproducibility import command as reproducibility

app = typer.Typer(add_completion=False, invoke_without_command=True)


@app.callback()
def everything(context: typer.Context) -> None:
    """Every benchmark of speed and accuracy, unless one is named; the others only by name."""
    if context.invoked_subcommand is None:
        for run in (annealing.run, one_shot.run, fitting.run, inversion.run, products.run):
            run()


app.command("annealing")(annealing.run)
app.command("one-shot")(one_shot.run)
app.command("fit")(fitting.run)
app.command("inversion")(inversion.run)
app.command("edges")(edges.run)
app.command("products")(products.run)
app.command("gains")(gains.run)
app.command("similarity")(similarity.run)
app.command("whiteners")(whiteners.run)
app.command("papers")(papers.run)
app.command("photo32")(photo32.run)
app.command("reproducibility")(reproducibility.run)
app.command("edits")(edits.run)
app(prog_name="python -m benchmarks")
