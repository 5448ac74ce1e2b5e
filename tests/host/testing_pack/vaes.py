"""A node for tests alone: a VAE for latents of any channels and stride, without a network."""

import torch
from comfy_api.latest import io


class PoolingVae:
    """Latents are mixtures of the colors of squares. For a VAE with frames a batch is one video, as for the
    host's, so that photos must come one by one.
    """

    def __init__(self, channels, stride, frames):
        self.latent_channels, self.stride, self.latent_dim = channels, stride, 3 if frames else 2
        generator = torch.Generator().manual_seed(channels)
        self.mixture = torch.linalg.qr(torch.randn(channels, 3, generator=generator))[0]  # (C, 3)

    def encode(self, pixels):
        colors = torch.nn.functional.avg_pool2d(2 * pixels.movedim(-1, 1) - 1, self.stride)
        latents = torch.einsum("cd, bdhw -> bchw", self.mixture, colors)
        return latents.movedim(0, 1)[None] if self.latent_dim == 3 else latents

    def decode(self, latents):
        frames = latents.movedim(2, 1).flatten(0, 1) if latents.ndim == 5 else latents
        colors = torch.einsum("cd, bchw -> bdhw", self.mixture, frames.float())
        pixels = torch.nn.functional.interpolate(colors, scale_factor=self.stride, mode="bilinear")
        return ((pixels + 1) / 2).clamp(0, 1).movedim(1, -1)


class TestVae(io.ComfyNode):
    """Such a VAE."""

    @classmethod
    def define_schema(cls):
        sizes = [io.Int.Input("channels", default=16), io.Int.Input("stride", default=8)]
        inputs = [*sizes, io.Boolean.Input("frames", default=False)]
        return io.Schema(node_id="TestVae", inputs=inputs, outputs=[io.Vae.Output()])

    @classmethod
    def execute(cls, channels, stride, frames):
        return io.NodeOutput(PoolingVae(channels, stride, frames))
