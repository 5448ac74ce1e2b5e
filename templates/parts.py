"""What most templates have: an image to start from, prompts, guiders, a sampler and its steps."""

from __future__ import annotations

from world.scenes import SAMPLES, caption

from .graph import Drawing, Node, Wire
from .models import NOT_WANTED, Loaded, Model

LEFT, SECOND, THIRD, FOURTH, FIFTH = 460, 840, 1220, 1600, 1980  # columns


def sample(d: Drawing, m: Model, scene: str, title: str = "Your image") -> Node:
    return d("Img2NoiseSampleImage", title, scene=scene, size=m.size)


def words(d: Drawing, clip: Wire, text: str, title: str = "What you want to see") -> Wire:
    return d("CLIPTextEncode", title, clip=clip, text=text)[0]


def avoided(d: Drawing, m: Model, clip: Wire) -> Wire:
    """The negative prompt; the little world has no words for what to avoid."""
    return words(d, clip, "" if m.little else NOT_WANTED, "What you do not want to see")


def shown_by(scene: str, place: bool = True) -> str:
    """The prompt of a sample image, or one that does not say where on the floor its object stands."""
    return caption(SAMPLES[scene], place)


def guider(
    d: Drawing, loaded: Loaded, positive: Wire, negative: Wire | None, cfg: float, title: str = ""
) -> Wire:
    """A guider at a cfg; without one where it is 1."""
    if negative is None or cfg == 1.0:
        return d("BasicGuider", title, model=loaded[0], conditioning=positive)[0]
    return d("CFGGuider", title, model=loaded[0], positive=positive, negative=negative, cfg=cfg)[0]


def sampling(d: Drawing, m: Model, model: Wire) -> tuple[Wire, Wire]:
    """The sampler and its noise levels."""
    name = d("KSamplerSelect", sampler_name=m.sampler)[0]
    return name, d("BasicScheduler", model=model, scheduler=m.scheduler, steps=m.steps)[0]


def editing(d: Drawing, m: Model, model: Wire) -> Wire:
    """The noise levels that an image is taken apart at."""
    how = dict(scheduler=m.edit_scheduler, steps=m.edit_steps, denoise=m.denoise)
    return d("BasicScheduler", "Steps of the edit", model=model, **how)[0]


def empty(d: Drawing, m: Model, count: int = 1, title: str = "") -> Wire:
    """A latent of nothing, which noise fills."""
    return d(m.latent, title, width=m.size, height=m.size, batch_size=count)[0]


def encoded(d: Drawing, image: Wire, vae: Wire) -> Wire:
    return d("VAEEncode", pixels=image, vae=vae)[0]


def decoded(d: Drawing, latent: Wire, vae: Wire) -> Wire:
    return d("VAEDecode", samples=latent, vae=vae)[0]


def started(d: Drawing, noise: Wire, who: Wire, how: tuple[Wire, Wire], latent: Wire) -> Wire:
    """What a sampler makes of a noise."""
    wires = dict(noise=noise, guider=who, sampler=how[0], sigmas=how[1], latent_image=latent)
    return d("SamplerCustomAdvanced", **wires)[0]


def other(m: Model, name: str, models: list[Model]) -> str:
    """The end of a note: which model this is for, and where those for others are."""
    others = [f"*{name}{f' ({k.name})' if k.name else ''}*" for k in models if k is not m]
    same = f"**Other models:** {', '.join(others)}." if others else ""
    if m.little:
        return (
            "**Your own image:** put *Load Image* in place of *Sample Image*, with a larger model. "
            f"*Load Little World* is a small model that comes with the pack. {same}"
        )
    own = (
        "**Your own image:** put *Load Image* in place of *Sample Image*, and say what it shows. An edit "
        f"also needs *Upscale Image* behind it, to {m.size} x {m.size}, crop center. "
    )
    return f"{own}{m.say} The thumbnail was painted by the little world; your model has its own style. {same}"
