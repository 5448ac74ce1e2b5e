"""Nodes for tests alone: models with a known network or with ears, and what became of a guider."""

import functools
import json

import torch
from comfy_api.latest import io, ui


class TestGuider(io.ComfyNode):
    """Passes a guider on, once `after` is there, and tells its settings and whether its model is at rest."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="TestGuider",
            inputs=[
                io.Guider.Input("guider"),
                io.AnyType.Input("after", optional=True),
                io.String.Input("again", default="", optional=True),  # another text, and nothing is cached
            ],
            outputs=[io.Guider.Output()],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, guider, after=None, again=""):
        patcher = guider.model_patcher
        conds = [(k, [sorted(c) for c in rows]) for k, rows in sorted(guider.original_conds.items())]
        told = dict(
            cfg=guider.cfg, conds=conds, held=sorted(vars(guider)), options=sorted(guider.model_options)
        )
        told |= dict(
            in_use=patcher.model.current_patcher is not None,
            hooked=len(patcher.hook_backup),
            patches=len(patcher.patches),
        )
        return io.NodeOutput(guider, ui=ui.PreviewText(json.dumps(told)))


class TestCalls(io.ComfyNode):
    """A model that writes down, under a name, how many rows each call of its network has."""

    calls = {}

    @classmethod
    def define_schema(cls):
        inputs = [io.Model.Input("model"), io.String.Input("name")]
        return io.Schema(node_id="TestCalls", inputs=inputs, outputs=[io.Model.Output()])

    @classmethod
    def execute(cls, model, name):
        rows = TestCalls.calls[name] = []
        sampling = model.get_model_object("model_sampling")

        class Listening(type(sampling)):
            def calculate_input(self, sigma, noise):
                if noise.ndim > 3:  # pictures, not numbers that ask how the model scales them
                    rows.append(len(noise))
                return super().calculate_input(sigma, noise)

        listening = Listening(model.model.model_config)
        listening.set_sigmas(sampling.sigmas)
        model = model.clone()
        model.add_object_patch("model_sampling", listening)
        return io.NodeOutput(model)


class Half(torch.nn.Module):
    """Two layers in half precision that follow the prompt. They add in as many parts as the size of the batch
    suggests, as kernels on a GPU do, and so round differently by it.
    """

    def __init__(self, precision: torch.dtype):
        super().__init__()
        generator, self.dtype = torch.Generator().manual_seed(0), precision
        self.first, self.second = (torch.randn(256, 256, generator=generator) / 16 for _ in range(2))

    def product(self, x, weight):
        parts = 1 + len(x) % 7
        pairs = zip(x.to(self.dtype).chunk(parts, 1), weight.to(self.dtype).chunk(parts, 0), strict=True)
        return functools.reduce(torch.add, [a @ b for a, b in pairs])

    def forward(self, x, timesteps, context, **_):
        prompt = context.mean(1)[:, :256].to(self.dtype)
        hidden = self.product(x.flatten(1), self.first).tanh() + prompt
        added = self.product(hidden, self.second).view_as(x).to(x.dtype)
        share = (timesteps.view(-1, 1, 1, 1) / 1000).to(x.dtype)
        return share * x + (1 - share) * added


class TestHalf(io.ComfyNode):
    """A model of that network."""

    @classmethod
    def define_schema(cls):
        inputs = [io.Model.Input("model"), io.Combo.Input("precision", options=["float16", "bfloat16"])]
        return io.Schema(node_id="TestHalf", inputs=inputs, outputs=[io.Model.Output()])

    @classmethod
    def execute(cls, model, precision):
        model = model.clone()
        model.add_object_patch("diffusion_model", Half(getattr(torch, precision)))
        return io.NodeOutput(model)


class TestCallsTold(io.ComfyNode):
    """Tells what TestCalls has written down under a name by the time that `after` is there."""

    @classmethod
    def define_schema(cls):
        inputs = [io.String.Input("name"), io.AnyType.Input("after")]
        return io.Schema(node_id="TestCallsTold", inputs=inputs, outputs=[], is_output_node=True)

    @classmethod
    def execute(cls, name, after):
        return io.NodeOutput(ui=ui.PreviewText(json.dumps(TestCalls.calls[name])))


class TestGaussian(io.ComfyNode):
    """A model whose network is the exact denoiser of N(0, variance), for levels of flow if told so. It raises
    an error at its nth call, or answers NaN there.
    """

    @classmethod
    def define_schema(cls):
        inputs = [io.Model.Input("model"), io.Float.Input("variance", default=1.0)]
        inputs += [io.Int.Input("fails_at", default=0), io.Int.Input("nan_at", default=0)]
        inputs += [io.Boolean.Input("flow", default=False)]
        return io.Schema(node_id="TestGaussian", inputs=inputs, outputs=[io.Model.Output()])

    @classmethod
    def execute(cls, model, variance, fails_at, nan_at, flow=False):
        calls = []

        def network(apply_model, asked):
            calls.append(1)
            if len(calls) == fails_at:
                raise RuntimeError("this network was made to fail")
            b = asked["timestep"].view(-1, *[1] * (asked["input"].ndim - 1))
            a = 1 - b if flow else torch.ones_like(b)
            clean = asked["input"] * a * variance / (a**2 * variance + b**2)
            return clean * float("nan") if len(calls) == nan_at else clean

        model = model.clone()
        model.set_model_unet_function_wrapper(network)
        return io.NodeOutput(model)
