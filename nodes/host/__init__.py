"""Everything that touches ComfyUI: latents, folders, guiders, and NOISE and SAMPLER objects."""
