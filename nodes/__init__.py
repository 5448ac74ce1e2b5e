"""The nodes that ComfyUI shows, and the entry point through which it asks for them."""

from comfy_api.latest import ComfyExtension, io

from . import diagnostics, edit_friendly, inversion, noise, noise_maps, sampling, whitening

NODES = [
    whitening.Img2NoiseLoadWhitener,
    whitening.Img2NoiseSaveWhitener,
    whitening.Img2NoiseFitWhitener,
    whitening.Img2NoiseFitWhitenerFromFolder,
    whitening.Img2NoiseWhitenLatent,
    whitening.Img2NoiseDewhitenLatent,
    noise.Img2NoiseAnnealedNoise,
    noise.Img2NoiseCorrelatedNoise,
    noise.Img2NoiseLatentToNoise,
    noise.Img2NoiseNoiseToLatent,
    noise.Img2NoiseBlendNoises,
    sampling.Img2NoiseKSampler,
    inversion.Img2NoiseInversionSampler,
    inversion.Img2NoiseInvertedNoise,
    inversion.Img2NoiseFirstStepInversion,
    edit_friendly.Img2NoiseEditFriendlyInversion,
    edit_friendly.Img2NoiseEditFriendlySampler,
    edit_friendly.Img2NoiseEditFriendlyEdit,
    noise_maps.Img2NoiseShiftNoiseMaps,
    noise_maps.Img2NoiseFlipNoiseMaps,
    noise_maps.Img2NoiseRecolourNoiseMaps,
    noise_maps.Img2NoiseSaveNoiseMaps,
    noise_maps.Img2NoiseLoadNoiseMaps,
    diagnostics.Img2NoiseInspectNoise,
    diagnostics.Img2NoiseCompareWhitenings,
]


class Img2NoiseExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return NODES


async def comfy_entrypoint() -> ComfyExtension:
    return Img2NoiseExtension()
