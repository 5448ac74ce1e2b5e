"""One safetensors file per object, and noise from any file; nothing in a file is trusted."""
