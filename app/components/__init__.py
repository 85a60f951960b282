"""Custom components: a thin Python wrapper beside its HTML, CSS and JavaScript."""
