"""See what img2noise does, on the little world and on a photo: python -m world.demo --image PHOTO.

Four sheets: variations of a scene from noise found for it; edits with words beside the rendered truth;
inversion with and without forward replacement; and, for a photo, what the noise found for it will make (its
de-whitened noise, decoded by TAESD), which needs no diffusion model.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from img2noise import correlated_noise, ddim, draw, edit_friendly, load, save, sigmas
from img2noise.diagnostics.plots import contact_sheet
from img2noise.photos.decode import read_photo, to_pixels

from . import model
from .render import render
from .scenes import Scene, caption, edited, random_scene
from .sheets import HELD_OUT, sample

STEPS, SKIP, GUIDANCE = 25, 7, 3.0
TEMPERATURES = {"close": 0.3, "near": 1.0, "loose": 5.0}
SCENES = (42, 15)  # held-out scenes of the variations: one object, and two
EDITS = ((26, "color", "green"), (42, "shape", "cube"), (15, "floor", "wooden"), (38, "wall", "pink"))
PHOTO = 384


def latent_of(scene: Scene) -> Tensor:
    return model.encode(torch.from_numpy(render(scene)).permute(2, 0, 1)[None])


def pictures(latents: Tensor) -> list[np.ndarray]:
    return list(to_pixels(model.decode(latents) * 2 - 1))


def variations(seed: int) -> list[tuple[str, np.ndarray]]:
    """Return scenes, variations from noise found for them, and what plain seeds make of the same prompt,
    which does not say where the object is.
    """
    world, whitener = model.load(), load("sd")
    kinds = [(name, seed + k) for name in ("close", "loose") for k in (1, 2)]
    titles = ["your image", *(f"{name}, seed {k}" for name, k in kinds), *2 * ["only its prompt"]]
    cells = []
    for number in SCENES:
        scene = random_scene(HELD_OUT + number)
        x0 = latent_of(scene)
        found = [correlated_noise(x0, whitener, temperature=TEMPERATURES[name], seed=k) for name, k in kinds]
        noises = torch.cat([*found, *(draw(x0.shape, seed + k) for k in (1, 2))])
        prompts = [caption(scene, place=False)] * len(noises)
        made = sample(world, prompts, STEPS, GUIDANCE, noise=noises)
        cells += zip(titles, pictures(torch.cat([x0, made])), strict=True)
    return cells


def edits(seed: int) -> list[tuple[str, np.ndarray]]:
    """Return scenes, an edit of each with words, and the same scene rendered with the change: the truth."""
    world, levels = model.load(), sigmas.ddim_uniform(sigmas.scaled_linear(), STEPS)
    cells = []
    for number, name, value in EDITS:
        scene = random_scene(HELD_OUT + number)
        truth = edited(scene, **{name: value})
        x0 = latent_of(scene)
        source, target = world.denoiser(caption(scene)), world.denoiser(caption(truth), GUIDANCE)
        made = edit_friendly.edit(source, target, x0, levels, seed=seed, eta=0, skip=SKIP)
        found = pictures(torch.cat([x0, made, latent_of(truth)]))
        cells += zip(["your image", f"edited: {value} {name}", "the truth, rendered"], found, strict=True)
    return cells


def inversions(seed: int) -> list[tuple[str, np.ndarray]]:
    """Return scenes inverted and sampled again under another prompt, without and with replacement."""
    world, levels = model.load(), sigmas.ddim_uniform(sigmas.scaled_linear(), STEPS)
    cells = []
    for number, name, value in EDITS[2:]:
        scene = random_scene(HELD_OUT + number)
        truth = edited(scene, **{name: value})
        x0 = latent_of(scene)
        made = []
        for forward in (0, 1):
            noise = ddim.invert(world.denoiser(caption(scene)), x0, levels, forward_steps=forward, seed=seed)
            made.append(ddim.sample(world.denoiser(caption(truth), GUIDANCE), noise, levels))
        found = pictures(torch.cat([x0, *made, latent_of(truth)]))
        titles = [
            "your image",
            f"inverted, then {value} {name}",
            "its first step replaced",
            "the truth, rendered",
        ]
        cells += zip(titles, found, strict=True)
    return cells


def previews(photo: Tensor, seed: int) -> tuple[list[tuple[str, np.ndarray]], Tensor]:
    """Return a photo, what noise found for it will make, decoded by TAESD, and that noise."""
    whitener = load("sd")
    x0 = model.encode(photo * 0.5 + 0.5)
    noises = torch.cat([
        *(correlated_noise(x0, whitener, temperature=t, seed=seed + 1) for t in TEMPERATURES.values()),
        *(correlated_noise(x0, whitener, temperature=1.0, seed=seed + k) for k in (2, 3, 4)),
    ])  # fmt: skip
    found = pictures(whitener.at_size_of(x0).dewhiten(noises))
    titles = ["your photo", *TEMPERATURES, *(f"near, seed {seed + k}" for k in (2, 3, 4))]
    plain = pictures(whitener.at_size_of(x0).dewhiten(draw(x0.shape, seed)))
    cells = list(zip([*titles, "random noise"], [*to_pixels(photo), *found, *plain], strict=True))
    return cells, noises


def sample_photo(name: str = "coffee") -> Path:
    """Return the path of a photo inside the installed scikit-image package."""
    import skimage.data

    return Path(skimage.data.__file__).parent / f"{name}.png"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m world.demo", description="show what img2noise does")
    parser.add_argument("--image", type=Path, help="your photo; without one, a cup of coffee")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="write the sheets to this folder")
    a = parser.parse_args(arguments)
    try:
        photo = read_photo(a.image or sample_photo(), PHOTO, multiple=8)
    except (OSError, ValueError) as error:
        raise SystemExit(str(error)) from None
    torch.set_num_threads(1)  # of so small a model, which more threads only wait for
    a.out.mkdir(parents=True, exist_ok=True)
    cells, noises = previews(photo, a.seed)
    save(noises, a.out / "noise.safetensors", seed=a.seed, space="sd", whitener="sd")
    made = {"photo": (lambda: cells, 4), "variations": (lambda: variations(a.seed), 7)}
    made |= {"edits": (lambda: edits(a.seed), 6), "inversion": (lambda: inversions(a.seed), 4)}
    for name, (work, columns) in made.items():
        start, path = time.perf_counter(), a.out / f"{name}.png"
        Image.fromarray(contact_sheet(work(), columns)).save(path)
        print(f"{path}  {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
