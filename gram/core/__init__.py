"""Shared foundations: devices, the cache, progress, registries of plug-ins."""
