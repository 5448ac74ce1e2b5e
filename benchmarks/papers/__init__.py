"""What four papers claim, measured on the small trained network and on its Gaussian twin.

The twin is the stationary Gaussian of the pictures that the network makes: its denoiser is exact and most of
its answers are closed forms. What the twin shows follows from second-order statistics alone; what only the
network shows needs a trained one.
"""
