"""`python -m benchmarks.pictures [NAME ...]`: draw every picture of a node, or of these."""

from __future__ import annotations

import argparse
import time
from functools import partial

from . import banner, inverted, maps, noises, whiteners
from .sheets import ROOT, strip

SHIFTS = partial(maps.moved, "right", "down", "up and right")
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
    nodes = {path.stem.removeprefix("Img2Noise") for path in (ROOT / "web" / "docs").glob("*.md")}
    drawn = {name: (lambda n=name: strip(n, NODES[n]())) for name in NODES if name in nodes}
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
    for name in sorted(nodes - set(drawn)):
        print(f"no picture is drawn for {name}: add it to the table in {__file__}")


if __name__ == "__main__":
    main()
