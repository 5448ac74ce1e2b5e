"""The first-step fixed point: is it linear, is it ZCA whitening, and where does it end?

e <- (x0 + sigma e - D(x0 + sigma e)) / sigma at t = 980, from e = 0;  of Gaussian data after n steps
e = (sigma / lam) (1 - (1 + lam / sigma^2)^-n) (x0 - mean),  in the end sigma / lam
"""

from __future__ import annotations

import torch
from torch import Tensor

from img2noise.diagnostics import compare_whitenings
from img2noise.diagnostics.least_squares import score
from img2noise.inversion import first_step
from img2noise.sigmas import scaled_linear
from img2noise.whitening.whitener import with_method

from . import measures, sheets
from .claims import Section
from .worlds import World

SIGMA = float(scaled_linear()[980])
COUNTS = (1, 2, 5, 10, 17, 30, 50, 100)
NEAR = 0.2  # of 1: how far a standard deviation may be off to count as the one foretold
CALLS = 150  # of the network for each picture solved by Anderson's acceleration
NORMS = {"pca": (7.8795, 434.2), "zca": (3.8305, 136.6), "cholesky": (4.8027, 204.6)}


def iterates(world: World, x0: Tensor) -> dict[int, Tensor]:
    """The noise after each of COUNTS iterations, as far as the scale goes."""
    e, kept = torch.zeros_like(x0), {}

    def keep(k: int, clean: Tensor) -> None:
        nonlocal e
        e = e + (x0 - clean) / SIGMA
        if k + 1 in COUNTS:
            kept[k + 1] = e

    first_step.invert(
        world.denoise, x0, SIGMA, iterations=world.scale.iterations, stop="iterations", on_step=keep
    )
    return kept


def fits(network: World, found: dict[int, Tensor]) -> Section:
    """Figure 5 and Table 1: the whitenings against the noise found, over the number of iterations."""
    section = Section("The first step: is it ZCA whitening?")
    x0 = _pictures(network)
    compared = {n: {c.name: c for c in compare_whitenings(x0, e, shrinkage=0.01)} for n, e in found.items()}
    names = list(compared[1])
    section.say(
        f"Noise was found for {len(x0)} pictures of the network at sigma {SIGMA:.2f}. Tables give pictures "
        "held out, maps of 8 x 8 patches, by number of iterations n; maps per frequency see whole pictures."
    )
    for title, kind, figure in (
        ("R^2, as it is", "fit", "r2"),
        ("R^2, scaled", "scaled_fit", "r2"),
        ("MSE, as it is", "fit", "mse"),
    ):
        rows = [(n, *(getattr(getattr(by[m], kind), figure) for m in names)) for n, by in compared.items()]
        section.table((f"n; {title}", *names), rows)
    whole = {n: _whole(network, x0, e) for n, e in found.items()}
    closed = {n: zca_fit(network.eigenvalues, n) for n in found}
    section.say(
        "R^2 of whole pictures, stationary whitenings; the last columns are ZCA's closed forms on the twin."
    )
    headings = "n", *whole[1], "twin, zca", "twin, zca scaled"
    section.table(headings, [(n, *w.values(), *closed[n]) for n, w in whole.items()])
    unit = min(found, key=lambda n: abs(float(found[n].std()) - 1))
    _norms(section, compared[unit], unit)
    picture = sheets.fits(compared, closed)
    section.show("first-step-fits", "R^2 of each map against iterations, as it is and scaled", picture)
    _decide(section, compared, unit, closed)
    return section


def _norms(section: Section, compared: dict, unit: int) -> None:
    """Table 1."""
    section.say(f"Norms of W - W_Diff at n = {unit}, where the noise's standard deviation is nearest to 1.")
    kinds = "2-norm", "Frobenius"
    headings = "whitening", *kinds, *(f"scaled {k}" for k in kinds), *(f"paper's {k}" for k in kinds)
    rows = [
        (c.name, *c.distance, *c.scaled_distance, *NORMS.get(c.name, ("", "")))
        for c in compared.values()
        if not c.name.startswith("diff")
    ]
    section.table(headings, rows)


def _decide(section: Section, compared: dict, unit: int, closed: dict) -> None:
    at, last = compared[unit], max(compared)
    r2 = {name: c.fit.r2 for name, c in at.items()}
    best = max(r2["diff"], r2["diff per frequency"])
    section.claim("linear", f"R^2 {best:.2f} at n = {unit}", best > 0.8, "1")
    others = {n: r2[n] for n in ("zca-cor", "pca", "pca-cor", "cholesky")}
    shown = f"R^2 at n = {unit}: zca {r2['zca']:.2f}, " + ", ".join(f"{n} {r:.2f}" for n, r in others.items())
    section.claim("zca best", shown, r2["zca"] > max(others.values()) - 0.01, f"zca {closed[unit][0]:.2f}")
    end = compared[last]["zca"].fit.r2
    shown = f"R^2 {r2['zca']:.2f} at n = {unit}, {end:.2f} at n = {last}"
    section.claim("zca", shown, end > 0.8, f"{closed[unit][0]:.2f}, {closed[last][0]:.2f}")
    norms = {name: at[name].distance.frobenius for name in NORMS}
    order = sorted(norms, key=norms.get)
    shown = ", ".join(f"{name} {norms[name]:.1f}" for name in order)
    section.claim("table 1", shown, order == ["zca", "cholesky", "pca"])


def end_point(network: World, found: dict[int, Tensor]) -> Section:
    """Does the iteration follow sigma Sigma^-1, or stay near unit variance?"""
    section = Section("Where the first-step iteration ends")
    x0, lam = _pictures(network), network.eigenvalues
    rows = []
    for n, e in found.items():
        gain = measures.fixed_point_gain(lam, SIGMA, n)
        rows.append((n, float(e.std()), float((gain.square() * lam).mean().sqrt())))
    few = x0[: network.scale.solved]
    solved = first_step.invert(
        network.denoise, few, SIGMA, iterations=CALLS, anderson_window=5, stop="iterations"
    )
    least = float(solved.residuals.min(0).values.mean())
    ideal = float((SIGMA**2 / lam).mean().sqrt())
    rows.append(("Anderson, 5 kept", float(solved.z.std()), ideal))
    section.say(
        "Standard deviation of the noise, and what the closed form gives for a Gaussian of the same "
        "spectrum. The last row is "
        f"solved with {CALLS} accelerated calls; its one-step pictures miss by {SIGMA * least:.3f} (RMS), "
        "sigma times the residual."
    )
    section.table(("iterations", "std, network", "std, Gaussian"), rows)
    last = max(found)
    bands = gains(network, x0, found[last], last)
    section.say(
        f"Gain from picture to noise by eigenvalue after {last} iterations: fitted, and the root of the "
        "power ratio, which holds what is not linear too."
    )
    section.table(
        ("eigenvalue", "fitted", "by power", "closed form", "end, sigma / lam", "ZCA, lam^-1/2"), bands
    )
    section.show("first-step-gains", f"Gain by eigenvalue after {last} iterations", sheets.gains(bands))
    (_, ours, gaussian), (_, end, _) = rows[-2:]
    section.say(_answer(bands, last, ours, gaussian, end, ideal))
    shown = f"std {ours:.2f} after {last}, {end:.2f} solved"
    section.claim("unit", shown, abs(end - 1) < NEAR, f"{gaussian:.2f}, {ideal:.0f}")
    section.claim("sigma", shown, abs(ours / gaussian - 1) < NEAR, f"{gaussian:.2f}, {ideal:.0f}")
    return section


def _answer(bands: list[tuple], n: int, ours: float, gaussian: float, end: float, ideal: float) -> str:
    """The open question in figures: how steeply the gain falls, and how straight, for those eigenvalues that
    n iterations reach.
    """
    reached = [row for row in bands if row[0] * n > SIGMA**2 / 10]
    (slope, off), (law, bent) = (
        measures.power_law([r[0] for r in reached], [r[k] for r in reached]) for k in (1, 3)
    )
    follows, stays = abs(ours / gaussian - 1) < NEAR, abs(end - 1) < NEAR
    one = "It stays near unit variance" if stays else "Neither"
    answer = "It follows sigma Sigma^-1" if follows else one
    return (
        f"{answer}: the noise's standard deviation is {ours:.2f} after {n} iterations and {end:.2f} solved, "
        f"the Gaussian's {gaussian:.2f} and {ideal:.0f}. From eigenvalue {reached[-1][0]:.2g} up the fitted "
        "gain "
        f"falls as lam^{slope:.2f}, off that line by {off:.0%} (RMS); the closed form at this n as "
        f"lam^{law:.2f}, off by {bent:.0%}; ZCA as lam^-0.5, sigma Sigma^-1 as lam^-1."
    )


def gains(network: World, x0: Tensor, e: Tensor, n: int, count: int = 8) -> list[tuple]:
    """Per band of eigenvalues: their mean, the least-squares gain, the root of the power ratio, and three
    laws.
    """
    u, q = network.whitener.analyze(x0).double(), network.whitener.unrotate(e).double()
    q = q - q.mean(0)
    lam, order = network.eigenvalues, network.eigenvalues.argsort(descending=True)
    rows = []
    for part in order.tensor_split(torch.logspace(0.8, 3.49, count - 1).long().clamp(max=len(lam) - 1)):
        mean = float(lam[part].log().mean().exp())
        a, b = u[:, part], q[:, part]
        closed = float(measures.fixed_point_gain(torch.tensor(mean).double(), SIGMA, n))
        rows.append(
            (
                mean,
                float((a * b).sum() / a.square().sum()),
                measures.rms(b) / measures.rms(a),
                closed,
                SIGMA / mean,
                mean**-0.5,
            )
        )
    return [r for r in rows if r[0] == r[0]]


def zca_fit(lam: Tensor, n: int) -> tuple[float, float]:
    """R^2 of ZCA against n iterations on Gaussian data, as it is and times the best scalar."""
    gain, zca, power = measures.fixed_point_gain(lam, SIGMA, n), lam.rsqrt(), lam
    total = (gain.square() * power).sum()
    scale = (gain * zca * power).sum() / (zca.square() * power).sum()
    return tuple(float(1 - ((gain - s * zca).square() * power).sum() / total) for s in (1.0, scale))


def _pictures(network: World) -> Tensor:
    return network.pictures[: network.scale.first_step]


def _whole(network: World, x0: Tensor, e: Tensor) -> dict[str, float]:
    """R^2 of the stationary whitenings of whole pictures, as they are and scaled."""
    found = {}
    for method in network.whitener.methods:
        z = with_method(network.whitener, method).whiten(x0).double()
        target = e.double() - e.double().mean(0)
        scale = float((z * target).sum() / z.square().sum())
        found[method] = score(z, target).r2
        found[f"{method}, scaled"] = score(scale * z, target).r2
    return found
