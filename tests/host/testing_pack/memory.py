"""For tests alone: what is still in memory, and a model of whose weights none fit on the device."""

import gc

import torch
from aiohttp import web
from comfy_api.latest import io
from server import PromptServer

# Constants of modules, and nodes, which hold nothing:
LASTING = ("Space", "Scene", "Object", "Photo", "Img2Noise")


@PromptServer.instance.routes.get("/testing_pack/alive")
async def alive(request):
    """The shapes of all tensors that have one of `sides`, and the kinds of all objects of the pack's own."""
    sides = {int(side) for side in request.query["sides"].split(",")}
    gc.collect()
    shapes, kinds = [], []
    for thing in gc.get_objects():
        kind = type(thing)
        if issubclass(kind, torch.Tensor) and sides & set(thing.shape):
            shapes.append(list(thing.shape))
        elif "img2noise." in str(kind.__module__) and not kind.__name__.startswith(LASTING):
            kinds.append(kind.__name__)
    return web.json_response({"shapes": shapes, "kinds": sorted(kinds)})


class TestLowVram(io.ComfyNode):
    """A model that is loaded as ComfyUI loads one with --novram: weights come to the network as it asks."""

    @classmethod
    def define_schema(cls):
        inputs = [io.Model.Input("model")]
        return io.Schema(node_id="TestLowVram", inputs=inputs, outputs=[io.Model.Output()])

    @classmethod
    def execute(cls, model):
        class LowVram(type(model)):
            def partially_load(self, device_to, extra_memory=0, force_patch_weights=False):
                shared = self.model.model_loaded_weight_memory > 0 and not self.model.model_lowvram
                super().partially_load(device_to, 0.1, force_patch_weights=force_patch_weights)
                if not (shared or self.model.model_lowvram):  # shared: with a model that fits, and is in use
                    raise RuntimeError("this model was loaded whole")

        model = model.clone()
        model.__class__ = LowVram
        return io.NodeOutput(model)
