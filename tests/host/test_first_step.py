"""First-Step Inversion, through the wires of a real ComfyUI."""

from __future__ import annotations

import json

import pytest
import torch

import img2noise

from .graphs import Graph
from .scenes import dump, euler, guider, model, photo, refusal, sampled, samples, told, unknown, written

SMALL = dict(width=8, height=8)
SCALE = img2noise.whitening.SPACES["sd"].scale_factor
SIGMA = 13.043083  # of timestep 980


def inversion(graph: Graph, found: list, family: str = "sd", latent: list | None = None, **how) -> str:
    who = guider(graph, found, 1, family)
    return graph("Img2NoiseFirstStepInversion", guider=who, latent=latent or photo(graph, **SMALL), **how)


@pytest.mark.parametrize("family", ["sd", "sd21v", "sdxl"])
def test_one_step_of_cores_euler_from_converged_noise_is_the_picture(server, graph, family):
    found = model(graph, family)
    how = dict(stop="converged", tolerance=0.0001, anderson_window=8, iterations=60, normalize=False)
    noise = inversion(graph, found, family, **how)[0]
    wires = dict(guider=guider(graph, found, 1, family), sampler=euler(graph), noise=noise)
    wires["sigmas"] = written(graph, f"{SIGMA} 0")
    dump(graph, photo=photo(graph, **SMALL), one=sampled(graph, **wires, latent_image=photo(graph, **SMALL)))
    server.run(graph)
    before, one = samples(server, "photo", "one")
    torch.testing.assert_close(one, before, atol=0.1, rtol=0)


@pytest.mark.parametrize(
    "how",
    [
        dict(stop="unit_std"),
        dict(stop="iterations", iterations=7),
        dict(stop="converged", anderson_window=5, tolerance=0.01),
        dict(stop="converged", iterations=3, timestep=500),
    ],
)
def test_it_is_the_librarys_inversion_and_its_outputs_are_one_noise(server, graph, how):
    found = graph("TestGaussian", model=model(graph), variance=0.7)[0]
    latent = photo(graph, batch_size=2, **SMALL)
    node = inversion(graph, found, latent=latent, **how, normalize=False)
    graph("TestDumpNoise", noise=node[0], latent=latent, name="noise")
    dump(graph, photo=latent, latent=node[1])
    server.run(graph)
    x0, z = samples(server, "photo", "latent")
    assert torch.equal(server.tensors("noise")["noise"], z)
    sigma = float(img2noise.sigmas.scaled_linear()[how.pop("timestep", 980)])

    def denoise(y, s):
        return y * 0.7 / (0.7 + s.view(-1, 1, 1, 1) ** 2)

    expected = img2noise.first_step.invert(denoise, x0 * SCALE, sigma, **how)
    torch.testing.assert_close(z, expected.z, atol=2e-3, rtol=1e-3)


def test_normalized_noise_has_mean_0_and_deviation_1_and_the_plot_shows_lines(server, graph):
    node = inversion(graph, model(graph), iterations=4)
    dump(graph, noise=node[1], plot=node[2])
    server.run(graph)
    [z] = samples(server, "noise")
    plot = server.tensors("plot")["image"]
    assert abs(float(z.mean())) < 1e-5 and abs(float(z.std()) - 1) < 1e-5
    assert plot.shape[0] == 1 and plot.shape[3] == 3 and float(plot.std()) > 0.05


@pytest.mark.parametrize("prompts", [1, 2])
def test_a_picture_that_has_stopped_costs_no_more_calls_unless_each_has_a_prompt_of_its_own(
    server, graph, prompts
):
    """A faint picture converges first; core gives the prompts of a batch out by the rows of a call."""
    found = graph("TestCalls", model=model(graph), name=f"stopped-{prompts}")[0]
    positive = graph("TestConditioning", seed=1, rows=prompts)[0]
    who = graph("BasicGuider", model=found, conditioning=positive)[0]
    faint = graph("LatentMultiply", samples=photo(graph, seed=4, **SMALL), multiplier=0.01)[0]
    both = graph("LatentBatch", samples1=faint, samples2=photo(graph, **SMALL))[0]
    how = dict(stop="converged", tolerance=0.05, iterations=6, normalize=False)
    z = graph("Img2NoiseFirstStepInversion", guider=who, latent=both, **how)[1]
    node = graph("TestCallsTold", name=f"stopped-{prompts}", after=z)
    calls = json.loads(told(server.run(graph), node))
    assert calls[0] == 2 and (set(calls) == {2} if prompts == 2 else calls[-1] == 1)


REFUSED = {
    "an empty latent": (lambda g: dict(latent=g("EmptyLatentImage", width=64, height=64)[0]), "empty latent"),
    "16 channels": (lambda g: dict(latent=photo(g, channels=16, **SMALL)), "(1, 16, 8, 8)"),
    "a nested latent": (lambda g: dict(latent=g("TestOddLatent", kind="nested")[0]), "nested latent"),
    "a video's latent": (lambda g: dict(latent=g("TestOddLatent", kind="video")[0]), "(1, 4, 1, 8, 8)"),
    "NaN": (lambda g: dict(latent=g("TestOddLatent", kind="nan")[0]), "NaN"),
    "a model of pictures": (lambda g: dict(found=unknown(g, model(g))), "IMG_TO_IMG"),
    "two contrary wishes": (lambda g: dict(anderson_window=5, stop="unit_std"), "unit_std"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_inverted_is_refused_in_one_sentence(server, graph, case):
    change, words = REFUSED[case]
    how = change(graph)
    dump(graph, refused=inversion(graph, how.pop("found", None) or model(graph), **how)[1])
    assert words in refusal(server, graph, "Img2NoiseFirstStepInversion")
