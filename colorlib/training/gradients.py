"""Loss and gradients of a batch that is computed in parts, several of them at the same time."""

import copy
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from colorlib.system.distributed import process_state, sum_over_processes
from colorlib.system.processor import Mapper


class BatchGradients:
    """Compute the loss of a batch and its gradients in parts, each by one thread from the first layer to the last gradient.

    If all threads shared every layer, each layer would wait for the slowest of them: beside another busy process, most of
    the time. Which thread computes which part does not change the result, to the last bit, since the parts and the order
    of their sum are fixed (unless layers draw random numbers, as dropout does).

    Loss, gradients and batch norm's running statistics are means over the parts, and over the processes, weighted by
    their numbers of images. Only batch norm in training mode differs from one part: it normalizes each part by itself.

    Args:
        network: its parameters get the gradients, its buffers the statistics.
        loss: (network, rgb (b,3,H,W) uint8, and the others of the call) -> a scalar.
        micro_batch: images of a part, at most.
        mapper: runs the parts: ``map``, or that of a pool of threads.
    """

    def __init__(self, network: nn.Module, loss: Callable[..., Tensor], micro_batch: int,
                 mapper: Mapper = map):
        self.network, self.loss, self.micro_batch, self.mapper = network, loss, micro_batch, mapper
        self.parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self.distributed = process_state().num_processes > 1
        self.copies = [network]          # one for each part: they share the weights, and each has its own statistics

    def __call__(self, rgb: Tensor, batch_size: int, *others: Tensor) -> Tensor:
        """Set the gradients of the whole batch, and return its loss.

        Args:
            rgb: (b, 3, H, W) uint8, this process's images of the batch.
            batch_size: images of the batch in all processes.
            others: (b, ...) whatever else the loss needs of each image.
        """
        number = -(-len(rgb) // self.micro_batch)
        # Equal parts: batch norm could not use one image.
        parts = list(zip(*(tensor.tensor_split(number) for tensor in (rgb, *others)), strict=True))
        if len(parts) == 1 and not self.distributed:
            loss, *gradients = self._loss_and_gradients(self.network, parts[0], 1.0)
        else:
            before = [buffer.clone() for buffer in self.network.buffers()]
            sums = self._sum_over_parts(parts, batch_size, before)
            loss, *sums = _sum_over_processes(sums) if self.distributed else sums
            gradients, changes = sums[:len(self.parameters)], sums[len(self.parameters):]
            for buffer, old, change in zip(_floating(self.network.buffers()), _floating(before), changes, strict=True):
                buffer.copy_(old + change)
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = _in_the_layout_of(parameter, gradient)
        return loss

    def _sum_over_parts(self, parts: list[tuple[Tensor, ...]], batch_size: int, before: list[Tensor]) -> list[Tensor]:
        """Loss, gradients and changes of the statistics, weighted by the part's images, added up in the order of the parts."""
        while len(self.copies) < len(parts):
            self.copies.append(_sharing_weights(self.network))

        def compute(number_and_part: tuple[int, tuple[Tensor, ...]]) -> list[Tensor]:
            number, part = number_and_part
            network, weight = self.copies[number], len(part[0]) / batch_size
            if number:
                for own, shared in zip(network.buffers(), before, strict=True):
                    own.copy_(shared)
            results = self._loss_and_gradients(network, part, weight)
            return results + [weight * (new - old) for new, old in
                              zip(_floating(network.buffers()), _floating(before), strict=True)]

        results = iter(self.mapper(compute, enumerate(parts)))
        sums = next(results)
        for terms in results:                   # one after another: the gradients of all parts would take too much memory
            sums = [total + term for total, term in zip(sums, terms, strict=True)]
        return sums

    def _loss_and_gradients(self, network: nn.Module, part: tuple[Tensor, ...], weight: float) -> list[Tensor]:
        loss = weight * self.loss(network, *part)
        return [loss.detach(), *torch.autograd.grad(loss, self.parameters, materialize_grads=True)]


def _sharing_weights(network: nn.Module) -> nn.Module:
    """A copy with buffers of its own; its parameters are the network's."""
    return copy.deepcopy(network, {id(parameter): parameter for parameter in network.parameters()})


def _in_the_layout_of(parameter: Tensor, gradient: Tensor) -> Tensor:
    """The gradient with the strides of its parameter: fused optimizers walk through the memory of both alike."""
    return gradient if gradient.stride() == parameter.stride() else torch.empty_like(parameter).copy_(gradient)


def _floating(buffers: Iterable[Tensor]) -> list[Tensor]:
    """The statistics of batch norm. Its count of batches, an integer, is the same in every copy."""
    return [buffer for buffer in buffers if buffer.is_floating_point()]


def _sum_over_processes(tensors: list[Tensor]) -> list[Tensor]:
    """Sums of several tensors over all processes, in one exchange."""
    summed = sum_over_processes(torch.cat([tensor.flatten() for tensor in tensors]))
    return [part.view_as(tensor) for part, tensor in
            zip(summed.split([tensor.numel() for tensor in tensors]), tensors, strict=True)]
