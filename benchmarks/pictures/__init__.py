"""The pictures of templates, help pages, front page and registry: the little world and previews of photos."""
