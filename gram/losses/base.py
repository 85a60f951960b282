"""Shared by all losses: settings, the batch on one process or several, cross-entropies, the temperature, the registry.

A loss compares the items of this process with those of all of them: each row of a matrix finds its own column, and
the value is the mean over the ranks. A loss that is not symmetric in its modalities gives one matrix a direction.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypedDict, TypeVar, Unpack, cast

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gram.core.registry import Registry
from gram.geometry.arrays import as_pairs

TEMPERATURE_RANGE = (0.01, 1.0)
_APART = 1_000_000_007  # torch's generator on the CPU keeps 32 bits of a seed: two seeds' draws start this far apart

Compare = Callable[..., list[Tensor]]  # anchors (q, d) and others (n, d)... to matrices (q, n)


class Settings(TypedDict, total=False):
    """Keyword arguments of every loss function; the modules of the same losses hold them.

    Attributes:
        temperature: what the scores are divided by, above 0; 0.07 by default. A tensor gets its gradient.
        label_smoothing: the share of each target that is spread over all candidates, from 0 to below 1; 0.1 by default.
        gather: compare with the items of all ranks of torch.distributed; without a process group it changes nothing.
            Every rank must hold the same number of items (`drop_last=True`) and call backward.
        ddp: multiply the embeddings' gradient by the number of ranks, because DistributedDataParallel divides by it.
    """

    temperature: float | Tensor
    label_smoothing: float
    gather: bool
    ddp: bool


@dataclass(frozen=True)
class Batch:
    """A batch of matched items, the anchor first: those of this process and those of all."""

    own: Sequence[Float[Tensor, "b d"]]  # one a modality
    everything: Sequence[Float[Tensor, "n d"]]  # n = world * b; `own` itself where there is one process
    first: int  # place of the first own item among all
    temperature: float | Tensor
    label_smoothing: float

    def both_ways(self, compare: Compare) -> list[Float[Tensor, "b n"]]:
        """Return the matrices of own anchors with all candidates, and of own candidates with all anchors."""
        by_rows = compare(self.own[0], *self.everything[1:])
        if self.everything is self.own:
            return by_rows + [matrix.mT for matrix in by_rows]
        return by_rows + [matrix.mT for matrix in compare(self.everything[0], *self.own[1:])]

    def cross_entropy(self, matrices: list[Float[Tensor, "b n"]]) -> Float[Tensor, ""]:
        """Return the mean over matrices of scores, whose row i is to find column `first` + i."""
        targets = torch.arange(self.first, self.first + len(matrices[0]), device=matrices[0].device)
        each = [
            F.cross_entropy(matrix / self.temperature, targets, label_smoothing=self.label_smoothing)
            for matrix in matrices
        ]
        return torch.stack(each).mean()


def contrast(
    loss: Callable[[Batch], Tensor],
    anchor: Float[Tensor, "b d"],
    others: Sequence[Float[Tensor, "b d"]],
    *,
    temperature: float | Tensor = 0.07,
    label_smoothing: float = 0.1,
    gather: bool = False,
    ddp: bool = False,
) -> Float[Tensor, ""]:
    """Return the loss of a batch; across ranks the mean of their losses, each of its own items against all.

    Args: as in `gram_loss`, and `loss`, that of a batch.

    Raises:
        ValueError: the shapes do not fit, or a number is out of its range.
    """
    anchor, others = as_pairs(anchor, *others)
    if len(anchor) != len(others[0]) or len(anchor) == 0:
        raise ValueError(
            f"anchor: expected as many items as the others, at least one; got {len(anchor)} and {len(others[0])}"
        )
    _check_smoothing(label_smoothing)
    if not isinstance(temperature, Tensor) and not 0 < temperature < math.inf:
        raise ValueError(f"temperature: expected a number above 0, got {temperature}")
    if not (gather and dist.is_available() and dist.is_initialized()):
        rows = (anchor, *others)
        return loss(Batch(rows, rows, 0, temperature, label_smoothing))
    if isinstance(temperature, Tensor):
        temperature = _mean_over_ranks(temperature)
    own = torch.stack([anchor, *others])
    if own.requires_grad and not ddp:  # each rank's mean has the gradient of its own share as a whole
        own.register_hook(lambda gradient: gradient / dist.get_world_size())
    everything = _gather_items(own)
    first = dist.get_rank() * len(anchor)
    return _mean_over_ranks(loss(Batch(own.unbind(), everything.unbind(), first, temperature, label_smoothing)))


def contrast_both_ways(
    compare: Compare, anchor: Float[Tensor, "b d"], others: Sequence[Float[Tensor, "b d"]], **settings: Unpack[Settings]
) -> Float[Tensor, ""]:
    """Return `contrast` of the cross-entropies over rows and columns of the matrices that `compare` gives."""
    return contrast(lambda batch: batch.cross_entropy(batch.both_ways(compare)), anchor, others, **settings)


def _mean_over_ranks(value: Tensor) -> Tensor:
    """Return the mean of `value` over the ranks; its gradient is the mean of the gradients of all ranks.

    Every rank must take part in the forward and in the backward pass.
    """
    from torch.distributed._functional_collectives import all_reduce  # in place of torch.distributed.nn, deprecated

    return all_reduce(value, "sum", cast(dist.ProcessGroup, dist.group.WORLD)) / dist.get_world_size()


def _gather_items(own: Float[Tensor, "k b d"]) -> Float[Tensor, "k n d"]:
    """Return the items of all ranks; each rank's gradient is the sum of what all ranks made of its items."""
    from torch.distributed._functional_collectives import all_gather_single

    items = own.transpose(0, 1).contiguous()  # (b, k, d)
    return all_gather_single(items, 0, cast(dist.ProcessGroup, dist.group.WORLD)).transpose(0, 1).contiguous()


def _check_smoothing(label_smoothing: float) -> None:
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing: expected a number from 0 to below 1, got {label_smoothing}")


class ContrastiveLoss(nn.Module):
    """A loss with its temperature; subclass it, declare the attributes, and add `@register`.

    The temperature is kept as a logarithm, so that it stays positive. A learned one is clamped in place to
    TEMPERATURE_RANGE, without a gradient, before each forward pass: the gradient at a bound is the true one, and a step
    inwards is never lost.

    Args:
        temperature: what the scores are divided by, at the start or for good.
        learn_temperature: whether it is a parameter that trains.
        label_smoothing: the share of each target that is spread over all candidates, from 0 to below 1.
        gather: compare with the items of all ranks of torch.distributed; see `Settings`.
        ddp: scale the embeddings' gradient for DistributedDataParallel; see `Settings`.

    Raises:
        ValueError: a number is out of its range.

    Attributes:
        name: what `get` and the command line call it.
        title: what it compares, in a few words.
        measure: name of the measure that it trains, and is judged by.
        function: the loss as a function of anchor, others and `Settings`; or override `forward`.
        own_settings: names of further keyword arguments of `function`, which are attributes of the module.
        order: its place in lists; losses of the same order are listed by name.
        modalities: the number of modalities, the anchor's included, that it is defined for; None for any.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    measure: ClassVar[str]
    function: ClassVar[Callable[..., Tensor]]
    own_settings: ClassVar[tuple[str, ...]] = ()
    order: ClassVar[float] = math.inf
    modalities: ClassVar[int | None] = None

    def __init__(
        self,
        temperature: float = 0.07,
        learn_temperature: bool = True,
        label_smoothing: float = 0.1,
        *,
        gather: bool = False,
        ddp: bool = False,
    ) -> None:
        super().__init__()
        low, high = TEMPERATURE_RANGE if learn_temperature else (math.ulp(0), math.inf)
        if not (low <= temperature <= high and temperature < math.inf):
            expected = f"from {low} to {high} when it is learned" if learn_temperature else "above 0"
            raise ValueError(f"temperature: expected a number {expected}, got {temperature}")
        _check_smoothing(label_smoothing)
        logarithm = torch.tensor(math.log(temperature))
        self.log_temperature = nn.Parameter(logarithm, requires_grad=learn_temperature)
        self.label_smoothing = label_smoothing
        self.gather = gather
        self.ddp = ddp

    @property
    def temperature(self) -> Float[Tensor, ""]:
        """What the scores are divided by; carries the gradient to `log_temperature`."""
        if self.log_temperature.requires_grad:
            with torch.no_grad():
                self.log_temperature.clamp_(*map(math.log, TEMPERATURE_RANGE))
        return self.log_temperature.exp()

    def forward(self, anchor: Float[Tensor, "b d"], *others: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
        """Return the loss of a batch of matched items."""
        return type(self).function(anchor, *others, **self._settings())

    def _settings(self) -> dict[str, Any]:
        """Return the keyword arguments of `function`."""
        names = ("temperature", "label_smoothing", "gather", "ddp", *self.own_settings)
        return {name: getattr(self, name) for name in names}

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return ", ".join(
            [
                f"temperature={self.log_temperature.exp().item():.4g}",
                f"learn_temperature={self.log_temperature.requires_grad}",
                *(f"{name}={getattr(self, name)}" for name in ("label_smoothing", "gather", "ddp", *self.own_settings)),
            ]
        )


class Draws(nn.Module):
    """A reproducible sequence of random generators: the same on every device and rank, resumed by `load_state_dict`."""

    count: Tensor

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.seed = seed
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def next(self) -> torch.Generator:
        """Return the generator of the next draw."""
        place = (self.seed * _APART + int(self.count)) % (1 << 32)
        generator = torch.Generator().manual_seed(place)
        self.count += 1
        return generator

    def extra_repr(self) -> str:
        """Return the seed, for printing."""
        return f"seed={self.seed}"


L = TypeVar("L", bound=ContrastiveLoss)
V = TypeVar("V")
_REGISTRY: Registry[type[ContrastiveLoss]] = Registry("loss", "gram.losses", order=lambda loss: loss.order)


def register(loss: type[L]) -> type[L]:
    """Make a loss known by its name: a class decorator.

    Raises:
        TypeError: the class lacks an attribute.
    """
    if lacking := [each for each in ("name", "title", "measure") if not isinstance(getattr(loss, each, None), str)]:
        raise TypeError(f"loss {loss.__name__}: declare {', '.join(lacking)}")
    _REGISTRY.register(loss.name, loss)
    return loss


def names(k: int | None = None) -> list[str]:
    """Return the names of all losses, in the order in which pages list them.

    Args:
        k: only those defined for so many modalities, the anchor's included.
    """
    return [name for name, loss in _REGISTRY.items() if k is None or loss.modalities in (None, k)]


def get(name: str) -> type[ContrastiveLoss]:
    """Return the loss of this name.

    Raises:
        ValueError: there is no such loss; the message lists those there are.
    """
    return _REGISTRY.get(name)


class _ByName(Mapping[str, V]):
    """A value of each registered loss by name, read on access, so that plug-ins are included."""

    def __init__(self, value: Callable[[type[ContrastiveLoss]], V]) -> None:
        self._value = value

    def __getitem__(self, name: str) -> V:
        if name not in _REGISTRY:
            raise KeyError(name)
        return self._value(_REGISTRY.get(name))

    def __iter__(self) -> Iterator[str]:
        return iter(_REGISTRY)

    def __len__(self) -> int:
        return len(_REGISTRY)


LOSSES: Mapping[str, type[ContrastiveLoss]] = _ByName(lambda loss: loss)
MEASURES: Mapping[str, str] = _ByName(lambda loss: loss.measure)  # what each trains, and is judged by
