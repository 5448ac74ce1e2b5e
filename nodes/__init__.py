"""The nodes that ComfyUI shows, and the entry point through which it asks for them."""

from comfy_api.latest import ComfyExtension, io

from . import (
    edits,
    from_image,
    inspection,
    inversions,
    little_world,
    noise_maps,
    picking,
    sampler_gains,
    variations,
    whiteners,
)

NODES = [
    little_world.Img2NoiseLoadLittleWorld,
    little_world.Img2NoiseSampleImage,
    whiteners.Img2NoiseLoadWhitener,
    whiteners.Img2NoiseSaveWhitener,
    whiteners.Img2NoiseFitWhitener,
    whiteners.Img2NoiseFitWhitenerFromFolder,
    whiteners.Img2NoiseWhitenLatent,
    whiteners.Img2NoiseDewhitenLatent,
    from_image.Img2NoiseNoiseFromImage,
    from_image.Img2NoiseNoiseFromTwoImages,
    from_image.Img2NoiseKSampler,
    sampler_gains.Img2NoiseInspectSampler,
    sampler_gains.Img2NoiseMeasureSampler,
    variations.Img2NoiseAnnealedNoise,
    variations.Img2NoiseCorrelatedNoise,
    variations.Img2NoiseLatentToNoise,
    variations.Img2NoiseNoiseToLatent,
    variations.Img2NoiseBlendNoises,
    picking.Img2NoisePickNoise,
    picking.Img2NoisePreviewNoise,
    picking.Img2NoiseNoiseSheet,
    inversions.Img2NoiseUnsample,
    inversions.Img2NoiseInversionSampler,
    inversions.Img2NoiseInvertedNoise,
    inversions.Img2NoiseFirstStepInversion,
    edits.Img2NoiseImageToNoiseMaps,
    edits.Img2NoiseSampleNoiseMaps,
    edits.Img2NoisePromptEdit,
    noise_maps.Img2NoiseTransformNoiseMaps,
    noise_maps.Img2NoiseRecolorNoiseMaps,
    noise_maps.Img2NoiseSaveNoiseMaps,
    noise_maps.Img2NoiseLoadNoiseMaps,
    inspection.Img2NoiseInspectNoise,
    inspection.Img2NoiseCompareWhitenings,
]


class Img2NoiseExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return NODES


async def comfy_entrypoint() -> ComfyExtension:
    return Img2NoiseExtension()
