"""The benchmark of the whole tool: `make bench`. A family of rows a module; each figure has a reference beside it."""
