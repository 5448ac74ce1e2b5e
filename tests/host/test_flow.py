"""Models of flow matching in a real ComfyUI: edits, maps and inversions of SD3, Flux, Flux.2 and Wan."""

from __future__ import annotations

import pytest
import torch

import img2noise

from . import scenes
from .events import Events
from .flow_checkpoints import PHOTOS
from .graphs import Graph
from .scenes import close, dump, edited, guider, model, newest, no_noise, replayed, sampled, samples, told
from .server import CLIENT

PLACES = "large areas", "objects", "fine detail"
EXACT = dict(scheme="implicit", forward_fraction=0.0, iterations=8)
every = pytest.mark.parametrize("family", PHOTOS)


def photo(graph: Graph, family: str, seed: int = 3, **size) -> list:
    return scenes.photo(graph, seed, **{**PHOTOS[family], **size})


def steps(graph: Graph, found: list, count: int = 4, **how) -> list:
    return graph("BasicScheduler", model=found, scheduler="simple", steps=count, **how)[0]


def inversion(graph: Graph, family: str, latent: list | None = None, seed: int = 1, **how):
    found = model(graph, family)
    wires = dict(who=guider(graph, found, seed, family), levels=steps(graph, found))
    return scenes.inversion(graph, **wires, latent=latent or photo(graph, family), **how)


def edit(graph: Graph, family: str, latent: list | None = None, seed: int = 2, **how) -> list:
    found, latent = how.pop("found", None) or model(graph, family), latent or photo(graph, family)
    source = guider(graph, found, 1, family, cfg=1.0)
    target = guider(graph, found, seed, family, cfg=how.pop("cfg", 3.0))
    return edited(graph, source, target, steps(graph, found), latent, **how)


def size(family: str) -> dict:
    """The pixels of a photo."""
    pixels = 16 if family in ("flux2", "wan22") else 8
    return {side: pixels * PHOTOS[family][side] for side in ("width", "height")}


def vae(graph: Graph, family: str) -> list:
    shape = dict(channels=PHOTOS[family]["channels"], stride=16 if family in ("flux2", "wan22") else 8)
    return graph("TestVae", **shape, frames=family.startswith("wan"))[0]


@every
@pytest.mark.parametrize("method", ["FlowEdit", "edit-friendly"])
def test_the_same_prompt_gives_the_photo_back_and_another_prompt_its_edit(server, graph, family, method):
    latent = photo(graph, family, batch_size=2)
    maps = inversion(graph, family, latent, method=method, skip=0)[0]
    who = [guider(graph, model(graph, family), seed, family) for seed in (1, 2)]
    dump(graph, photo=latent, back=replayed(graph, maps, who[0]), other=replayed(graph, maps, who[1]))
    source, target = who
    levels = steps(graph, model(graph, family))
    how = dict(method=method, skip=0, few_steps="off")
    dump(graph, one=edited(graph, source, target, levels, latent, **how))
    dump(graph, same=edited(graph, source, source, levels, latent, **how))
    server.run(graph)
    close(server, "back", "photo", atol=1e-5)
    close(server, "same", "photo", atol=1e-5)
    close(server, "one", "other", atol=1e-5)
    changed, before = samples(server, "other", "photo")
    assert not torch.allclose(changed, before, atol=1e-3)


@every
def test_three_round_trips_from_an_inversion_are_one(server, graph, family):
    """Below t = 1 the noise beside an empty latent, the noise beside the photo, and the latent by itself."""
    found, latent = model(graph, family), photo(graph, family)
    who, levels = guider(graph, found, 1, family), steps(graph, found, denoise=0.6)
    wires = dict(guider=who, sigmas=levels)
    sampler = graph("Img2NoiseInversionSampler", **EXACT)[0]
    x = sampled(graph, **wires, noise=no_noise(graph), sampler=sampler, latent_image=latent)
    noise = graph("Img2NoiseInvertedNoise", model=found, sigmas=levels, latent=x)[0]
    wires["sampler"] = scenes.euler(graph)
    empty = graph("LatentMultiply", samples=latent, multiplier=0.0)[0]
    dump(graph, photo=latent, x=x, empty=sampled(graph, **wires, noise=noise, latent_image=empty))
    dump(graph, beside=sampled(graph, **wires, noise=noise, latent_image=latent))
    dump(graph, alone=sampled(graph, **wires, noise=no_noise(graph), latent_image=x))
    server.run(graph)
    before, x, *routes = samples(server, "photo", "x", "empty", "beside", "alone")
    for route in routes:
        torch.testing.assert_close(route, routes[0], atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(route, before, atol=1e-4, rtol=0)
    assert float((x - before).std()) > 0.05


@every
def test_from_t_1_the_inversion_comes_in_as_noise_of_about_unit_variance(server, graph, family):
    found, latent = model(graph, family), photo(graph, family)
    wires = dict(guider=guider(graph, found, 1, family), sigmas=steps(graph, found, 6))
    for scheme in ("implicit", "midpoint"):
        node = graph("Img2NoiseInversionSampler", **EXACT | dict(scheme=scheme))
        x = sampled(graph, **wires, noise=no_noise(graph), sampler=node[0], latent_image=latent)
        noise = graph("Img2NoiseInvertedNoise", model=found, sigmas=wires["sigmas"], latent=x)[0]
        graph("TestDumpNoise", noise=noise, latent=latent, name=f"noise-{scheme}")
        back = sampled(graph, **wires, noise=noise, sampler=node[1], latent_image=latent)
        dump(graph, **{scheme: back})
    dump(graph, photo=latent)
    server.run(graph)
    before, implicit, midpoint = samples(server, "photo", "implicit", "midpoint")
    torch.testing.assert_close(implicit, before, atol=1e-3, rtol=0)
    assert float((midpoint - before).std() / before.std()) < 0.1
    for scheme in ("implicit", "midpoint"):
        assert 0.2 < float(server.tensors(f"noise-{scheme}")["noise"].std()) < 3


@every
def test_an_edit_repeats_bit_for_bit_and_follows_its_seed(server, graph, family):
    def anew(text: str, **how) -> list:
        found = graph("TestAnew", value=model(graph, family), again=text)[0]
        return edit(graph, family, found=found, average=2, weight=1.5, free_steps=1, **how)

    start = graph("TestRandomState", value=photo(graph, family))
    dump(graph, first=anew("first"), second=anew("second"), other=anew("other", noise_seed=7))
    end = graph("TestRandomState", value=anew("third"))
    outputs = server.run(graph)
    first, second, other = samples(server, "first", "second", "other")
    assert torch.equal(first, second) and not torch.allclose(first, other, atol=1e-3)
    assert outputs[start]["text"] == outputs[end]["text"]


@every
def test_a_mask_limits_an_edit(server, graph, family):
    sides = size(family)
    nothing = graph("SolidMask", value=0.0, **sides)[0]
    half = graph("SolidMask", value=1.0, width=sides["width"] // 2, height=sides["height"])[0]
    mask = graph("MaskComposite", destination=nothing, source=half, x=0, y=0, operation="add")[0]
    masked = graph("SetLatentNoiseMask", samples=photo(graph, family), mask=mask)[0]
    dump(graph, photo=photo(graph, family), whole=edit(graph, family), part=edit(graph, family, masked))
    server.run(graph)
    before, whole, part = samples(server, "photo", "whole", "part")
    middle = before.shape[-1] // 2
    torch.testing.assert_close(part[..., middle + 1 :], before[..., middle + 1 :], atol=1e-5, rtol=0)
    torch.testing.assert_close(part[..., : middle - 1], whole[..., : middle - 1], atol=1e-5, rtol=0)


@every
def test_a_lora_and_guidance_change_an_edit(server, graph, family):
    dump(graph, plain=edit(graph, family), lora=edit(graph, family, found=model(graph, family, lora=True)))
    dump(graph, still=edit(graph, family, cfg=1.0))
    server.run(graph)
    plain, lora, still = samples(server, "plain", "lora", "still")
    assert not torch.allclose(plain, lora, atol=1e-4) and not torch.allclose(plain, still, atol=1e-4)


@every
def test_a_row_of_a_batch_is_edited_as_by_itself_and_joined_photos_keep_their_own(server, graph, family):
    batch = photo(graph, family, batch_size=2)
    one = graph("LatentFromBatch", samples=batch, batch_index=1, length=1)[0]
    first, second = (photo(graph, family, seed=seed) for seed in (3, 4))
    both = graph("LatentBatch", samples1=first, samples2=second)[0]
    dump(graph, all=edit(graph, family, batch), one=edit(graph, family, one))
    dump(graph, joined=edit(graph, family, both), alone=edit(graph, family, first))
    server.run(graph)
    every_row, one, joined, alone = samples(server, "all", "one", "joined", "alone")
    torch.testing.assert_close(every_row[1:], one, atol=1e-5, rtol=0)
    torch.testing.assert_close(joined[:1], alone, atol=1e-5, rtol=0)
    assert not torch.allclose(joined[:1], joined[1:], atol=1e-2)


@every
@pytest.mark.parametrize("method", ["FlowEdit", "edit-friendly"])
def test_maps_are_moved_mirrored_recolored_saved_and_loaded(server, graph, family, method):
    maps = inversion(graph, family, method=method, skip=0)[0]
    who = guider(graph, model(graph, family), 1, family)
    there = graph("Img2NoiseTransformNoiseMaps", noise_maps=maps, down=16, right=16)[0]
    twice = maps
    for _ in range(2):
        twice = graph("Img2NoiseTransformNoiseMaps", noise_maps=twice, flip_horizontal=True)[0]
    mask = graph("SolidMask", value=1.0, **size(family))[0]
    pull = dict(guider=who, noise_maps=maps, vae=vae(graph, family), mask=mask, strength=0.3)
    color = graph("Img2NoiseRecolorNoiseMaps", **pull, band_start=0.0, band_end=1.0)[0]
    graph("Img2NoiseSaveNoiseMaps", noise_maps=maps, filename_prefix=f"flow-{family}-{method}")
    dump(graph, photo=photo(graph, family), moved=replayed(graph, there, who))
    dump(graph, mirrored=replayed(graph, twice, who), colored=replayed(graph, color, who))
    server.run(graph)
    close(server, "mirrored", "photo", atol=1e-5)
    before, moved, colored = samples(server, "photo", "moved", "colored")
    assert not torch.allclose(moved, before, atol=1e-2) and not torch.allclose(colored, before, atol=1e-2)
    again = Graph(server.object_info)
    file = newest(server.output / "img2noise", f"flow-{family}-{method}").name
    kept = again("Img2NoiseLoadNoiseMaps", file=file)[0]
    dump(again, back=replayed(again, kept, guider(again, model(again, family), 1, family)))
    server.run(again)
    close(server, "back", "photo", atol=1e-5)


def test_the_guidance_of_flux_is_that_of_its_prompts(server, graph):
    found, levels = model(graph, "flux"), steps(graph, model(graph, "flux"))

    def guided(seed: int, guidance: float) -> list:
        words = graph("FluxGuidance", conditioning=scenes.prompt(graph, seed, "flux"), guidance=guidance)[0]
        return graph("BasicGuider", model=found, conditioning=words)[0]

    source = guided(1, 1.5)
    for name, target in (("same", guided(1, 1.5)), ("louder", guided(1, 5.5)), ("other", guided(2, 1.5))):
        dump(graph, **{name: edited(graph, source, target, levels, photo(graph, "flux"))})
    dump(graph, photo=photo(graph, "flux"))
    server.run(graph)
    close(server, "same", "photo", atol=1e-5)
    before, louder, other = samples(server, "photo", "louder", "other")
    assert not torch.allclose(louder, before, atol=1e-4) and not torch.allclose(other, louder, atol=1e-3)


def test_a_report_says_where_an_edit_starts_and_what_can_arrive(server, graph):
    found = model(graph, "sd3")
    wires = dict(source=guider(graph, found, 1, "sd3"), target=guider(graph, found, 2, "sd3"))
    wires |= dict(latent=photo(graph, "sd3"), sigmas=steps(graph, found, 20), skip=0.5)
    node = graph("Img2NoisePromptEdit", **wires)
    text = graph("TestText", value=node[1])
    dump(graph, levels=wires["sigmas"])
    report = told(server.run(graph), text)
    t = server.tensors("levels")["image"].double()[10:]
    sigma = t / (1 - t)
    assert (
        f"from t {float(t[0]):.4g}, which is sigma {float(sigma[0]):.4g}: 10 of 20 steps, FlowEdit" in report
    )
    left = [
        float(((lam + after * before) / (lam + before**2)).prod())  # g of eta 0, for variance lam
        for lam, before, after in ((lam, sigma[:-1], sigma[1:]) for lam in (100.0, 10.0, 1.0))
    ]
    shares = [f"{100 * (1 - share):.0f} % in {place}" for share, place in zip(left, PLACES, strict=True)]
    assert ", ".join(shares) in report


@every
def test_an_edit_that_is_cancelled_ends_and_leaves_nothing(server, family):
    graph = Graph(server.object_info)
    found = model(graph, family)
    ends = dict(source=guider(graph, found, 1, family), target=guider(graph, found, 2, family))
    levels = steps(graph, found, 900)
    dump(graph, never=edited(graph, **ends, levels=levels, latent=photo(graph, family, seed=5)))
    with Events(server.port, CLIENT) as events:
        prompt = server.queue(graph)
        next(data for kind, data in events if kind == "progress")
        server.post("/interrupt", {})
        entry = server.wait(prompt)
    assert "execution_interrupted" in [kind for kind, _ in entry["status"]["messages"]]
    fine = Graph(server.object_info)
    dump(fine, fine=edit(fine, family))
    server.run(fine)


@pytest.mark.parametrize("family", ["sd3", "flux", "flux2", "wan21"])
def test_a_whitener_of_the_family_whitens_its_latents_and_varies_a_photo(server, graph, family):
    fit = dict(latents=photo(graph, family, seed=11, batch_size=32), latent_space=family)
    fitted = graph("Img2NoiseFitWhitener", **fit, structure="stationary", shrinkage=0.1)[0]
    latent, found = photo(graph, family), model(graph, family)
    z = graph("Img2NoiseWhitenLatent", latent=latent, whitener=fitted)[0]
    dump(graph, photo=latent, z=z, back=graph("Img2NoiseDewhitenLatent", latent=z, whitener=fitted)[0])
    noise = graph("Img2NoiseCorrelatedNoise", latent=latent, whitener=fitted, model=found)[0]
    wires = dict(guider=guider(graph, found, 1, family), sampler=scenes.euler(graph), noise=noise)
    empty = graph("LatentMultiply", samples=latent, multiplier=0.0)[0]
    dump(graph, made=sampled(graph, **wires, sigmas=steps(graph, found, 2), latent_image=empty))
    server.run(graph)
    close(server, "back", "photo", atol=1e-4)
    before, z, made = samples(server, "photo", "z", "made")
    assert z.shape == made.shape == before.shape
    assert not torch.allclose(made, before, atol=1e-2)


def exact(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """The denoiser of N(0, 0.7) in the units of flow."""
    t = t.view(-1, *[1] * (x.ndim - 1))
    return x * (1 - t) * 0.7 / ((1 - t) ** 2 * 0.7 + t**2)


@pytest.mark.parametrize("denoise", [0.6, 1.0])
def test_walks_are_the_librarys_in_the_models_own_units(server, graph, denoise):
    """A latent that leaves the inversion at t < 1 is x / (1 - t), as the host's samplers leave it."""
    found = graph("TestGaussian", model=model(graph, "sd3"), variance=0.7, flow=True)[0]
    latent, levels = photo(graph, "sd3", batch_size=2), steps(graph, found, 5, denoise=denoise)
    who = guider(graph, found, 1, "sd3")
    wires = dict(guider=who, sigmas=levels, noise=no_noise(graph), latent_image=latent)
    for scheme in ("target", "midpoint"):
        how = dict(scheme=scheme, forward_fraction=0.0)
        x = sampled(graph, **wires, sampler=graph("Img2NoiseInversionSampler", **how)[0])
        dump(graph, **{scheme: x})
    maps = scenes.inversion(graph, who, levels, latent, method="FlowEdit", noise_seed=6)[0]
    graph("Img2NoiseSaveNoiseMaps", noise_maps=maps, filename_prefix=f"exact-{denoise}")
    dump(graph, photo=latent, levels=levels)
    server.run(graph)
    x0, *after = [(z - 0.0609) * 1.5305 for z in samples(server, "photo", "target", "midpoint")]
    told = img2noise.Levels.flow(server.tensors("levels")["image"])
    a = float(told.a[0]) or 1.0
    for y, scheme in zip(after, ("target", "midpoint"), strict=True):
        x = img2noise.ddim.invert(exact, x0, told, scheme=scheme)
        torch.testing.assert_close(y, x / a, atol=1e-5, rtol=1e-5)
    saved = img2noise.load(newest(server.output / "img2noise", f"exact-{denoise}"))
    expected = img2noise.extract(exact, x0, told, seed=6, eta=0.0, skip=1)
    torch.testing.assert_close(saved.residuals, expected.residuals, atol=1e-5, rtol=1e-4)
    assert (saved.levels.kind, saved.eta, saved.skip) == ("flow", 0.0, 1)


STAND_INS = {  # families whose network is of one size alone: their latents, levels and steps
    "Z-Image-Turbo": ("schnell", "ModelSamplingAuraFlow", 3.0, 8, "res_multistep"),
    "Qwen-Image": ("wan21", "ModelSamplingAuraFlow", 3.1, 6, "euler"),
    "SDXL as flow": ("sdxl", "ModelSamplingSD3", 3.0, 4, "euler"),
}


def stand_in(graph: Graph, name: str) -> tuple[list, str]:
    family, node, shift, *_ = STAND_INS[name]
    return graph(node, model=model(graph, family), shift=shift)[0], family


@pytest.mark.parametrize("name", STAND_INS)
def test_a_model_with_a_shift_edits_inverts_and_is_sampled_in_its_own_way(server, graph, name):
    found, family = stand_in(graph, name)
    *_, count, sampler = STAND_INS[name]
    latent = photo(graph, family) if family in PHOTOS else scenes.photo(graph, width=8, height=8)
    who = [guider(graph, found, seed, family) for seed in (1, 2)]
    levels = steps(graph, found, count)
    dump(graph, same=edited(graph, who[0], who[0], levels, latent, method="auto", skip=0.5))
    dump(graph, edit=edited(graph, who[0], who[1], levels, latent, method="auto", skip=0.25, weight=1.5))
    wires = dict(guider=who[0], sigmas=levels, latent_image=latent)
    node = graph("Img2NoiseInversionSampler", **EXACT)
    x = sampled(graph, **wires, noise=no_noise(graph), sampler=node[0])
    noise = graph("Img2NoiseInvertedNoise", model=found, sigmas=levels, latent=x)[0]
    own = graph("KSamplerSelect", sampler_name=sampler)[0]
    dump(graph, photo=latent, back=sampled(graph, **wires, noise=noise, sampler=node[1]))
    dump(graph, own=sampled(graph, **wires, noise=noise, sampler=own))
    server.run(graph)
    close(server, "same", "photo", atol=1e-5)
    before, back, edit_, own = samples(server, "photo", "back", "edit", "own")
    torch.testing.assert_close(back, before, atol=5e-3, rtol=0)
    assert not torch.allclose(edit_, before, atol=1e-3) and bool(torch.isfinite(own).all())


def test_one_line_warns_of_another_shift_and_of_a_schedule_that_starts_too_quietly(server, graph):
    found, family = stand_in(graph, "SDXL as flow")
    latent, other = (
        scenes.photo(graph, width=8, height=8),
        graph("ModelSamplingSD3", model=found, shift=6.0)[0],
    )
    who = [guider(graph, each, 1, family) for each in (found, other)]
    dump(graph, edit=edited(graph, *who, steps(graph, found), latent, skip=0.5))
    prompts = {part: scenes.prompt(graph, 1, family) for part in ("positive", "negative")}
    wires = dict(model=found, **prompts, **scenes.pictured(graph, latent))
    wires |= dict(latent_image=graph("EmptyLatentImage", width=64, height=64)[0], steps=4, cfg=1.0)
    for scheduler in ("simple", "ddim_uniform"):
        made = graph("Img2NoiseKSampler", **wires, sampler_name="euler", scheduler=scheduler)[0]
        dump(graph, **{scheduler: made})
    server.run(graph)
    log = server.tail()
    assert log.count("different schedules or shifts") == 1
    assert log.count("on an empty latent, so its noise is") == 1


def test_the_first_step_starts_at_the_noise_of_sd(server, graph):
    found, latent = model(graph, "sd3"), photo(graph, "sd3")
    how = dict(stop="converged", tolerance=1e-4, anderson_window=8, iterations=60, normalize=False)
    who = guider(graph, found, 1, "sd3")
    noise = graph("Img2NoiseFirstStepInversion", guider=who, latent=latent, **how)[0]
    sigma = 13.043083  # of timestep 980
    wires = dict(guider=who, sampler=scenes.euler(graph), latent_image=latent)
    wires["sigmas"] = scenes.written(graph, f"{sigma / (1 + sigma)} 0")
    dump(graph, photo=latent, one=sampled(graph, **wires, noise=noise))
    server.run(graph)
    close(server, "one", "photo", atol=0.05)


@pytest.mark.parametrize("frames", [False, True])
def test_a_vae_of_videos_gets_photos_one_by_one_and_a_frame_is_a_noise(server, graph, frames):
    vae = graph("TestVae", channels=16, stride=8, frames=frames)[0]
    photos = graph("TestOddImage", kind="two")[0]
    noise = scenes.photo(graph, channels=16, width=8, height=8, batch_size=2, frames=int(frames))
    node = graph("Img2NoiseInspectNoise", latent=noise, picture=photos, vae=vae)
    text = graph("TestText", value=node[0])
    report = told(server.run(graph), text)
    assert "noise 1" in report and "noise 2" in report


def test_frames_of_a_video_are_edited_together(server, graph):
    clip = photo(graph, "wan21", frames=3)
    maps = inversion(graph, "wan21", clip, skip=0)[0]
    who = guider(graph, model(graph, "wan21"), 1, "wan21")
    dump(graph, clip=clip, back=replayed(graph, maps, who), edit=edit(graph, "wan21", clip))
    server.run(graph)
    close(server, "back", "clip", atol=1e-5)
    before, after = samples(server, "clip", "edit")
    assert after.shape == before.shape == (1, 16, 3, 8, 8)
    assert all(float((a - b).std()) > 1e-3 for a, b in zip(after.unbind(2), before.unbind(2), strict=True))
