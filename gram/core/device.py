"""Selection of the torch device by name."""

import torch

from gram.errors import DeviceError


def select_device(device: str | torch.device = "auto") -> torch.device:
    """Return the torch device that a name means; "auto" is CUDA where there is a GPU, else the CPU.

    Raises:
        DeviceError: the name is no device, or that device is not available here.
    """
    if str(device) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        selected = torch.device(device)
    except RuntimeError:
        selected = torch.device("meta")
    if selected.type not in ("cpu", "cuda") or (selected.type == "cuda" and not torch.cuda.is_available()):
        raise DeviceError(f"device: {str(device)!r} is not available here; use 'auto' or 'cpu'")
    return selected
