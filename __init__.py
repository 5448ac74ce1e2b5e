"""What ComfyUI loads: the nodes' entry point and the folder of their help pages."""

if __package__:  # pytest imports this file as a top-level module, where a relative import has no parent
    from .nodes import comfy_entrypoint

    WEB_DIRECTORY = "./web"
    __all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]
