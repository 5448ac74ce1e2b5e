"""The noise of a picture: edit-friendly noise maps, DDIM inversion, first-step inversion."""

from . import ddim, edit_friendly, first_step, noise_maps

__all__ = ["ddim", "edit_friendly", "first_step", "noise_maps"]
