"""Nodes that load, save, fit and apply whiteners."""

from __future__ import annotations

import folder_paths
from comfy_api.latest import io, ui

from ..img2noise import Moments, Whitener, checks, fit, measure, metadata, save
from ..img2noise.diagnostics import whiteness
from ..img2noise.photos.decode import photo_files
from ..img2noise.photos.surveys import PhotoStats, measure_photos
from ..img2noise.whitening import GRIDDED
from . import inputs
from .host import folders
from .host.latents import (
    as_samples,
    encoder,
    noise_samples,
    picture_latent,
    picture_samples,
    progress,
    space_of,
    to_latent,
    whitener_of,
)
from .host.spaces import space_of_vae


class Img2NoiseLoadWhitener(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseLoadWhitener",
            display_name="Load Image Profile (ZCA Whitener)",
            category="img2noise/profiles",
            description="Loads how photos look to a model: sd for SD 1.x and 2.x, sdxl for SDXL.",
            search_aliases=["load whitener", "whitening", "zca", "decorrelate", "noise statistics"],
            inputs=[
                io.Combo.Input(
                    "whitener_name",
                    options=folders.whitener_names(),
                    tooltip="sd, sdxl and rgb are included; your own are in models/img2noise.",
                )
            ],
            outputs=[
                inputs.WhitenerType.Output("whitener", tooltip="Connect to a whitener input."),
                io.String.Output("info", tooltip="What it fits, and what it was measured on."),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, whitener_name=""):
        return folders.stamp([folders.whitener_file(whitener_name)])

    @classmethod
    def execute(cls, whitener_name) -> io.NodeOutput:
        path = folders.whitener_file(whitener_name)
        whitener = folders.load_whitener(path)
        return io.NodeOutput(whitener, describe(whitener, metadata(path)))


class Img2NoiseSaveWhitener(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseSaveWhitener",
            display_name="Save Image Profile (ZCA Whitener)",
            category="img2noise/profiles",
            description="Saves a profile to models/img2noise for Load Image Profile.",
            search_aliases=["save whitener", "store whitening", "export", "zca"],
            is_output_node=True,
            inputs=[
                inputs.WhitenerType.Input("whitener", tooltip="The whitener to save."),
                io.String.Input(
                    "filename_prefix",
                    default="my_whitener",
                    tooltip="The file name begins with this; a number follows.",
                ),
            ],
        )

    @classmethod
    def execute(cls, whitener, filename_prefix) -> io.NodeOutput:
        path = save(whitener_of(whitener), folders.new_file(folders.whitener_folder(), filename_prefix))
        return io.NodeOutput(ui=ui.PreviewText(f"saved {path}"))


class Img2NoiseFitWhitener(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseFitWhitener",
            display_name="Fit Image Profile (ZCA Whitener)",
            category="img2noise/profiles",
            description="Learns how pictures look to a model. More are better.",
            search_aliases=["fit whitener", "train whitening", "zca", "covariance", "measure latents"],
            inputs=[
                io.Latent.Input("latents", tooltip="Pictures from VAE Encode."),
                inputs.latent_space(),
                *inputs.fitting(),
                io.Int.Input(
                    "patch",
                    default=0,
                    min=0,
                    max=45,
                    advanced=True,
                    tooltip="For dense: side of the tiles; 0 takes whole pictures.",
                ),
                inputs.MomentsType.Input(
                    "moments",
                    optional=True,
                    tooltip="Of another Fit Image Profile, to add to.",
                ),
            ],
            outputs=inputs.fitted(),
        )

    @classmethod
    def execute(
        cls, latents, latent_space, structure, method, shrinkage, patch, moments=None
    ) -> io.NodeOutput:
        x = picture_samples(latents, latent_space)
        if moments is not None:
            checks.instance(moments, "the moments", Moments)
        gridded = structure in GRIDDED and moments is not None and moments.structure == structure
        size = moments.shape[1:] if gridded else None
        measured = measure(x, structure, size=size, patch=patch or None, space=latent_space)
        measured = measured if moments is None else moments + measured
        return io.NodeOutput(fit(measured, method, shrinkage), measured)


class Img2NoiseFitWhitenerFromFolder(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseFitWhitenerFromFolder",
            display_name="Fit Image Profile from Folder (ZCA Whitener)",
            category="img2noise/profiles",
            description="Learns the look of a folder of photos.",
            search_aliases=["fit whitener", "train whitening", "zca", "dataset statistics", "style"],
            inputs=[
                io.Vae.Input("vae", tooltip="The VAE of your model."),
                io.Combo.Input(
                    "folder",
                    options=folder_paths.get_input_subfolders(),
                    tooltip="A folder inside ComfyUI's input folder. Press R to list new ones.",
                ),
                inputs.size(),
                io.Int.Input(
                    "limit",
                    default=0,
                    min=0,
                    max=1000000,
                    tooltip="The most photos to use; 0 uses all.",
                ),
                io.Combo.Input(
                    "latent_space",
                    options=["auto", *inputs.LATENT_SPACES],
                    advanced=True,
                    tooltip="auto asks your VAE; choose if the report names another.",
                ),
                *inputs.fitting(advanced=True),
            ],
            outputs=[
                *inputs.fitted(),
                io.String.Output(
                    "report", tooltip="Photos used and left out, and how well the result works."
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, folder="", **_):
        return folders.folder_stamp(folders.input_folder(folder))

    @classmethod
    def execute(cls, vae, folder, size, limit, latent_space, structure, method, shrinkage) -> io.NodeOutput:
        checks.whole(limit, "limit", 0)
        checks.whole(size, "size", 1)
        files = photo_files(folders.input_folder(folder))
        if latent_space == "auto":
            latent_space = space_of_vae(vae, files)
        stride = space_of(latent_space).stride
        if 0 < limit < len(files):  # spread over the folder, where neighbors are often alike
            files = [files[i * len(files) // limit] for i in range(limit)]
        report, started = progress(len(files)), iter(range(len(files)))
        how = dict(structure=structure, size=size, stride=stride, space=latent_space)
        encode = encoder(vae, latent_space)
        survey = measure_photos(files, encode, **how, on_photo=lambda _: report(next(started)))
        report(len(files))
        whitener = fit(survey.moments, method, shrinkage)
        return io.NodeOutput(whitener, survey.moments, describe_survey(survey, whitener))


class Img2NoiseWhitenLatent(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseWhitenLatent",
            display_name="Whiten Latent",
            category="img2noise/advanced",
            description="Turns a picture into noise by evening out its colors and softness.",
            search_aliases=["picture to noise", "decorrelate", "zca", "whitening"],
            inputs=[
                io.Latent.Input("latent", tooltip="Your picture from VAE Encode."),
                inputs.whitener(),
                inputs.strength("1 gives noise; lower leaves more of the picture."),
            ],
            outputs=[io.Latent.Output("latent", tooltip="Connect to Latent to Noise.")],
        )

    @classmethod
    def execute(cls, latent, whitener, strength) -> io.NodeOutput:
        x0 = picture_samples(latent, whitener_of(whitener))
        z = as_samples(whitener.whiten(x0, strength), whitener, latent)
        return io.NodeOutput(to_latent(z, latent))


class Img2NoiseDewhitenLatent(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseDewhitenLatent",
            display_name="Dewhiten Latent",
            category="img2noise/advanced",
            description="Shows without a model what a noise will make. Undoes Whiten Latent.",
            search_aliases=["noise to picture", "preview noise", "zca", "whitening"],
            inputs=[
                io.Latent.Input("latent", tooltip="Noise, from Noise to Latent or Whiten Latent."),
                inputs.whitener(),
                inputs.strength("1 gives the full look of photos; lower leaves more noise."),
            ],
            outputs=[io.Latent.Output("latent", tooltip="A picture; connect to VAE Decode.")],
        )

    @classmethod
    def execute(cls, latent, whitener, strength) -> io.NodeOutput:
        z = noise_samples(latent, whitener_of(whitener))
        return io.NodeOutput(picture_latent(whitener.dewhiten(z, strength), whitener, latent))


def describe(whitener: Whitener, header: dict[str, str]) -> str:
    """Return what a whitener fits and was measured on, in words."""
    space, grid = space_of(whitener.space), " x ".join(map(str, whitener.shape))
    sizes = "every size" if whitener.structure in GRIDDED else "latents of that size alone"
    lines = [
        f"{whitener.structure} {whitener.method} whitener of {whitener.space} latents ({space.models})",
        f"measured on {whitener.count} samples at {grid}, for {sizes}; shrinkage {whitener.shrinkage:g}",
    ]
    return "\n".join(lines + [f"{key}: {header[key]}" for key in ("source", "command") if header.get(key)])


def describe_survey(survey: PhotoStats, whitener: Whitener) -> str:
    """Return what was measured, what was left out and why, and how white held-out photos become."""
    held_out, left_out = survey.held_out, survey.left_out
    space = f"{whitener.space} latents ({space_of(whitener).models})"
    lines = [f"{whitener.count} photos measured, {len(held_out)} held out, {len(left_out)} left out: {space}"]
    if held_out:
        found = whiteness(whitener, held_out)
        channels = ", ".join(f"{std:.3f}" for std in found.std)
        lines.append(
            f"held-out photos, whitened: std per channel {channels} (1 is white), neighbor correlation "
            f"{found.before:.3f} before and {found.after:.3f} after (0 is white)"
        )
    return "\n".join(lines + [f"left out: {reason}" for _, reason in left_out])
