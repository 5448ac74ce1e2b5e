"""The pictures of the example workflows, drawn without a network.

The model is the exact one of the shipped RGB whitener: sampling from a noise, inverting a photo and denoising
are all closed forms there. Photos are scikit-image's.
"""
