"""`python -m benchmarks.pictures [NAME ...]`: draw every picture, or those of these templates or nodes."""

from __future__ import annotations

import argparse
import time
from functools import partial

from . import banner, inverted, maps, noises, whiteners
from .sheets import ROOT, sheet, strip

SHIFTS = partial(maps.moved, "right", "down", "up and right")
BOTH = partial(maps.moved, "right", "down", "mirrored")
TEMPLATES = {
    "annealed-variations": noises.searched, "compare-whitenings": whiteners.compared,
    "ddim-forward-replaced": inverted.replaced, "edit-friendly-diversity": maps.diverse,
    "edit-friendly-edit": maps.edited, "edit-friendly-recolor": maps.recolored, "edit-friendly-shift": BOTH,
    "edit-with-a-prompt": maps.sample_edited,
    "first-step-beside-whitening": inverted.first_beside_whitening, "fit-a-whitener": whiteners.fitted,
    "flowedit-sdxl": partial(maps.flow_edit, 25, floor="wooden"),
    "flux-edit": partial(maps.flow_edit, 42, shape="cube"),
    "inspect-noise": inverted.there_and_back, "interpolate-two-photos": inverted.between,
    "layout-and-colors": noises.two_pictures,
    "little-world": noises.painted, "noise-maps-keep": maps.taken_apart, "noise-maps-replay": maps.replayed,
    "pick-a-noise": noises.picked,
    "qwen-image-edit": partial(maps.flow_edit, 49, color="orange"),
    "same-noise-two-models": noises.two_models, "sd35-edit": partial(maps.flow_edit, 11, floor="stone"),
    "sdedit-correlated": noises.img2img, "turbo-edit": maps.few_steps, "variations": noises.varied,
    "z-image-turbo-edit": partial(maps.flow_edit, 38, wall="pink"),
}  # fmt: skip
NODES = {
    "AnnealedNoise": noises.searched, "BlendNoises": noises.blended,
    "CompareWhitenings": whiteners.compared_chart, "CorrelatedNoise": noises.temperatures,
    "DewhitenLatent": whiteners.dewhitened, "PromptEdit": maps.few_steps,
    "ImageToNoiseMaps": maps.taken_apart, "SampleNoiseMaps": maps.replayed,
    "FirstStepInversion": inverted.first, "FitWhitener": whiteners.shrunk,
    "FitWhitenerFromFolder": whiteners.fitted, "InspectNoise": inverted.inspected_chart,
    "InspectSampler": noises.passed_by_formula, "InversionSampler": inverted.there_and_back,
    "InvertedNoise": inverted.there_and_back, "KSampler": noises.sampled, "LatentToNoise": noises.too_weak,
    "LoadLittleWorld": noises.painted, "LoadNoiseMaps": maps.replayed, "LoadWhitener": whiteners.fitted,
    "MeasureSampler": noises.passed_measured, "NoiseFromImage": noises.similarities,
    "NoiseFromTwoImages": noises.two_images,
    "NoiseSheet": noises.table, "PickNoise": noises.picked, "PreviewNoise": noises.seen_before,
    "NoiseToLatent": noises.as_latents, "RecolorNoiseMaps": maps.recolored, "SaveNoiseMaps": maps.taken_apart,
    "SampleImage": noises.samples, "SaveWhitener": whiteners.fitted, "TransformNoiseMaps": SHIFTS,
    "Unsample": inverted.there_and_back, "WhitenLatent": whiteners.whitened,
}  # fmt: skip


def main() -> None:
    templates = {path.stem for path in (ROOT / "workflows").glob("*.json")}
    nodes = {path.stem.removeprefix("Img2Noise") for path in (ROOT / "web" / "docs").glob("*.md")}
    drawn = {name: (lambda n=name: sheet(n, TEMPLATES[n]())) for name in TEMPLATES if name in templates}
    drawn |= {name: (lambda n=name: strip(n, NODES[n]())) for name in NODES if name in nodes}
    drawn |= {"front": banner.front, "banner": banner.draw}
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(drawn))
    chosen = parser.parse_args().names or list(drawn)
    if unknown := sorted(set(chosen) - set(drawn)):
        raise SystemExit(f"got {', '.join(unknown)}; expected some of {', '.join(drawn)}")
    start = time.perf_counter()
    for name in chosen:
        drawn[name]()
        print(f"{time.perf_counter() - start:6.1f} s  {name}", flush=True)
    for name in sorted((templates | nodes) - set(drawn)):
        print(f"no picture is drawn for {name}: add it to the table in {__file__}")


if __name__ == "__main__":
    main()
