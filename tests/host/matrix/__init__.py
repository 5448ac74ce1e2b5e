"""Every node and workflow with every family of models on every ComfyUI found: what runs, and how exactly."""
