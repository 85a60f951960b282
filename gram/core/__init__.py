"""What every room stands on: devices, the cache, progress, registries of plug-ins."""
