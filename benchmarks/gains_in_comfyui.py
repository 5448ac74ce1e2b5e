"""Run in ComfyUI's Python: the gain of its samplers on a diagonal Gaussian of a flow model, as JSON.

Reads {"lam", "t"} from stdin; the folder of ComfyUI is the argument. Fresh noise is zero.
"""

import json
import sys
from types import SimpleNamespace

ask = json.loads(sys.stdin.read())
sys.path.insert(0, sys.argv[1])
sys.argv = [sys.argv[0], "--cpu"]

import comfy.options  # noqa: E402

comfy.options.enable_args_parsing()

import torch  # noqa: E402
from comfy import model_sampling, samplers  # noqa: E402

PLAIN = ["euler", "heun", "dpmpp_2m", "res_multistep", "uni_pc"]
FRESH = ["euler_ancestral", "lcm", "er_sde", "dpmpp_2m_sde", "seeds_2"]
LAM = torch.tensor(ask["lam"], dtype=torch.float32).view(1, 1, 1, -1)


class Sampling(model_sampling.ModelSamplingDiscreteFlow, model_sampling.CONST):
    """The levels of SD3."""


class Model:
    """The exact denoiser where the host's samplers look for a model."""

    def __init__(self):
        sampling = Sampling()
        sampling.set_parameters(shift=3.0)
        patcher = SimpleNamespace(get_model_object=lambda name: sampling)
        inside = SimpleNamespace(model_sampling=sampling)
        self.inner_model = SimpleNamespace(model_patcher=patcher, inner_model=inside, model_sampling=sampling)

    def __call__(self, x, sigma, **_):
        t = sigma.double().view(-1, 1, 1, 1)
        return ((1 - t) * LAM * x.double() / ((1 - t) ** 2 * LAM + t * t)).to(x)


found = {}
for name in PLAIN + FRESH:
    quiet = dict(noise_sampler=lambda *_: torch.zeros_like(LAM)) if name in FRESH else {}
    x, t = torch.ones_like(LAM), torch.tensor(ask["t"])
    out = samplers.sampler_object(name).sampler_function(
        Model(), x, t, extra_args={}, callback=None, disable=True, **quiet
    )
    found[name] = (out / LAM.sqrt()).flatten().tolist()
print(json.dumps(found))
