"""All that touches ComfyUI: latents and folders, guiders, and the NOISE and SAMPLER objects on wires."""
