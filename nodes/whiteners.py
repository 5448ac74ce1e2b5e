"""Nodes that load, save, fit and apply whiteners: what tells a picture's own look from plain noise."""

from __future__ import annotations

import folder_paths
from comfy_api.latest import io, ui

from ..img2noise import Moments, checks, fit, measure, metadata, save
from ..img2noise.photos.decode import photo_files
from ..img2noise.photos.surveys import measure_photos
from . import inputs
from .descriptions import describe, describe_survey
from .host import latents as host


class Img2NoiseLoadWhitener(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseLoadWhitener",
            display_name="Load Whitener",
            category="img2noise/whitening",
            description="Loads what is known about how photos look to a model: the whitener, which turns a "
            "picture into noise and noise into a picture. Pick your model's: sd for SD 1.x, 2.x and Turbo, "
            "sdxl for SDXL.",
            search_aliases=["whitening", "zca", "decorrelate", "load matrix", "noise statistics"],
            inputs=[
                io.Combo.Input(
                    "whitener_name",
                    options=host.whitener_names(),
                    tooltip="sd, sdxl and rgb come with the pack; your own lie in models/img2noise.",
                )
            ],
            outputs=[
                inputs.WhitenerType.Output(
                    "whitener", tooltip="Wire it to img2noise nodes that ask for one."
                ),
                io.String.Output("info", tooltip="Which models it fits, what it was measured on and how."),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, whitener_name=""):
        return host.stamp([host.whitener_file(whitener_name)])

    @classmethod
    def execute(cls, whitener_name) -> io.NodeOutput:
        path = host.whitener_file(whitener_name)
        whitener = host.load_whitener(path)
        return io.NodeOutput(whitener, describe(whitener, metadata(path)))


class Img2NoiseSaveWhitener(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseSaveWhitener",
            display_name="Save Whitener",
            category="img2noise/whitening",
            description="Keeps a whitener you fitted in models/img2noise, where Load Whitener finds it.",
            search_aliases=["store whitening", "export whitener", "zca"],
            is_output_node=True,
            inputs=[
                inputs.WhitenerType.Input("whitener", tooltip="The whitener to keep."),
                io.String.Input(
                    "filename",
                    default="my_whitener",
                    tooltip="Its name in models/img2noise; subfolders may be. A file of that name is "
                    "replaced.",
                ),
            ],
        )

    @classmethod
    def execute(cls, whitener, filename) -> io.NodeOutput:
        path = save(host.whitener_of(whitener), host.new_whitener_file(filename))
        return io.NodeOutput(ui=ui.PreviewText(f"saved {path}"))


class Img2NoiseFitWhitener(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseFitWhitener",
            display_name="Fit Whitener",
            category="img2noise/whitening",
            description="Learns from a batch of encoded pictures how pictures like them look to a model, so "
            "that noise can be given their colors, softness and detail. More pictures make a better "
            "whitener.",
            search_aliases=["train whitening", "zca", "covariance", "measure latents"],
            inputs=[
                io.Latent.Input("latents", tooltip="A batch of pictures from VAE Encode."),
                inputs.latent_space(),
                *inputs.fitting(),
                io.Int.Input(
                    "patch",
                    default=0,
                    min=0,
                    max=45,
                    advanced=True,
                    tooltip="Dense only: side of the tiles pictures are cut into, in latent pixels. 0 is "
                    "whole.",
                ),
                inputs.MomentsType.Input(
                    "moments",
                    optional=True,
                    tooltip="What another Fit Whitener measured; these pictures are added to it.",
                ),
            ],
            outputs=inputs.fitted(),
        )

    @classmethod
    def execute(
        cls, latents, latent_space, structure, method, shrinkage, patch, moments=None
    ) -> io.NodeOutput:
        x = host.picture_samples(latents, latent_space)
        if moments is not None:
            checks.instance(moments, "the moments", Moments)
        stationary = structure == "stationary" and moments is not None and moments.structure == structure
        size = moments.shape[1:] if stationary else None
        measured = measure(x, structure, size=size, patch=patch or None, space=latent_space)
        measured = measured if moments is None else moments + measured
        return io.NodeOutput(fit(measured, method, shrinkage), measured)


class Img2NoiseFitWhitenerFromFolder(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseFitWhitenerFromFolder",
            display_name="Fit Whitener from Folder",
            category="img2noise/whitening",
            description="Learns a whitener from a folder of photos, one after another, so that noise can be "
            "given the look of those photos. A tenth of them is kept aside to test how well it works.",
            search_aliases=["train whitening", "zca", "dataset statistics", "measure photos"],
            inputs=[
                io.Vae.Input("vae", tooltip="The VAE of the model you will sample with."),
                io.Combo.Input(
                    "folder",
                    options=[".", *folder_paths.get_input_subfolders()],
                    tooltip="A folder inside ComfyUI's input folder, with its subfolders. The dot is all of "
                    "it.",
                ),
                inputs.latent_space(),
                inputs.size(),
                *inputs.fitting(),
                io.Int.Input(
                    "limit", default=0, min=0, max=1000000, tooltip="How many photos at most. 0 is all."
                ),
            ],
            outputs=[
                *inputs.fitted(),
                io.String.Output(
                    "report", tooltip="Photos used, photos left out and why, how well it whitens."
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, folder=".", **_):
        return host.folder_stamp(host.input_folder(folder))

    @classmethod
    def execute(cls, vae, folder, latent_space, size, structure, method, shrinkage, limit) -> io.NodeOutput:
        checks.whole(limit, "limit", 0)
        checks.whole(size, "size", 1)
        stride = host.space_of(latent_space).stride
        files = photo_files(host.input_folder(folder))
        if 0 < limit < len(files):  # spread over the folder, where neighbors are often alike
            files = [files[i * len(files) // limit] for i in range(limit)]
        report, started = host.progress(len(files)), iter(range(len(files)))
        how = dict(structure=structure, size=size, stride=stride, space=latent_space)
        encode = host.encoder(vae, latent_space)
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
            category="img2noise/whitening",
            description="Turns a picture into the noise it consists of: colors and softness are evened out "
            "until only the arrangement is left. Dewhiten Latent undoes it.",
            search_aliases=["picture to noise", "decorrelate", "zca", "whitening"],
            inputs=[
                io.Latent.Input("latent", tooltip="The picture, from VAE Encode."),
                inputs.whitener(),
                inputs.strength(
                    "1 makes noise; less leaves more of the picture; 0 only takes the mean away."
                ),
            ],
            outputs=[
                io.Latent.Output(
                    "latent", tooltip="Noise of about unit variance; wire it to Latent to Noise."
                )
            ],
        )

    @classmethod
    def execute(cls, latent, whitener, strength) -> io.NodeOutput:
        x0 = host.picture_samples(latent, host.whitener_of(whitener))
        return io.NodeOutput(host.to_latent(whitener.whiten(x0, strength), latent))


class Img2NoiseDewhitenLatent(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseDewhitenLatent",
            display_name="Dewhiten Latent",
            category="img2noise/whitening",
            description="Shows what noise will make: gives it the colors and softness of photos, without a "
            "model. Whiten Latent undoes it.",
            search_aliases=["noise to picture", "preview noise", "zca", "whitening"],
            inputs=[
                io.Latent.Input("latent", tooltip="Noise, from Noise to Latent or Whiten Latent."),
                inputs.whitener(),
                inputs.strength("1 gives noise the full look of photos; less leaves more of the noise."),
            ],
            outputs=[io.Latent.Output("latent", tooltip="A picture; wire it to VAE Decode.")],
        )

    @classmethod
    def execute(cls, latent, whitener, strength) -> io.NodeOutput:
        z = host.noise_samples(latent, host.whitener_of(whitener))
        return io.NodeOutput(host.picture_latent(whitener.dewhiten(z, strength), whitener, latent))
