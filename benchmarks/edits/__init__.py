"""Edits of the little world beside their rendered truth: what each method changes, and what it keeps."""
