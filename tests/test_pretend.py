"""The pretend device raises where a real one would, and counts what makes the host wait."""

import pytest
import torch

from .pretend import Pretend

KINDS = ("cuda", "mps")


@pytest.fixture(params=KINDS)
def device(request):
    with Pretend(request.param) as device:
        yield device


def test_results_are_on_the_device_of_what_they_are_made_of(device):
    here, x = torch.ones(2, 3), device.put(torch.ones(2, 3))
    assert here.device.type == "cpu" and x.device == device.name and (x.is_cuda, x.is_mps).count(True) == 1
    for found in (
        *(x + 1, 2 * x @ x.T, x.flatten(1).T, x.new_zeros(2), torch.zeros_like(x), x.split(1)[0], x[0]),
        *(torch.fft.rfft2(x), torch.stack([x, x]), x.to(torch.float16), x.clone().add_(1), here.to(x)),
        *(torch.as_tensor(0.5, device=x.device), torch.zeros(2, device=x.device), here.to(x.device)),
        *(torch.randn(2, generator=torch.Generator().manual_seed(1)).to(device.name), x.topk(1).values),
        *(
            x + torch.tensor(2.0),
            here[:1].type_as(x),
            torch.as_tensor(x),
            x.new_tensor(1.0),
            *x,
            x[torch.ones(1).long()],
        ),
    ):
        assert found.device == device.name
    assert not device.reads and x.to(device.name) is x
    assert x.cpu().device.type == "cpu" and x.device == device.name


MIXED = {
    "a sum": lambda x, here: x + here,
    "a number there": lambda x, here: here + x[0, 0],
    "a product with a matrix made here": lambda x, here: x @ torch.eye(3),
    "a stack": lambda x, here: torch.stack([x, here]),
    "a choice": lambda x, here: torch.where(x > 0, x, here),
    "an index there": lambda x, here: here[(x[0] > 0).long()],
    "a mask there": lambda x, here: here[x > 0],
    "in place": lambda x, here: here.add_(x),
    "a generator": lambda x, here: torch.randn(2, generator=torch.Generator(), device=x.device),
    "index_add": lambda x, here: torch.zeros(3).index_add(0, torch.tensor([0, 1, 2]), x[0]),
}


@pytest.mark.parametrize("case", MIXED)
def test_two_devices_in_one_operation_raise(case, device):
    x = device.put(torch.ones(2, 3))
    with pytest.raises(RuntimeError):
        MIXED[case](x, torch.ones(2, 3))


FLOAT64 = {
    "double": lambda x: x.double(),
    "to": lambda x: x.to(torch.float64),
    "made there": lambda x: torch.zeros(2, dtype=torch.float64, device=x.device),
    "as_tensor": lambda x: torch.as_tensor(x, dtype=torch.float64),
    "on its way to the CPU": lambda x: x.to("cpu", torch.float64),
}


@pytest.mark.parametrize("case", FLOAT64)
def test_float64_raises_on_mps_alone(case):
    for kind in KINDS:
        with Pretend(kind) as device:
            x = device.put(torch.ones(2, 3, dtype=torch.float64))
            assert x.dtype == (torch.float32 if kind == "mps" else torch.float64)
            if kind == "cuda":
                FLOAT64[case](x)
                continue
            assert x.cpu().double().dtype == torch.float64
            with pytest.raises(TypeError):
                FLOAT64[case](x)


READS = {
    "cpu": lambda x: x.cpu(),
    "to": lambda x: x.to("cpu"),
    "as_tensor": lambda x: torch.as_tensor(x, device="cpu"),
    "item": lambda x: x[0, 0].item(),
    "if": lambda x: 1 if x.any() else 0,
    "index": lambda x: range(3)[x[0, 0].long()],
    "tolist": lambda x: x.tolist(),
    "a mask": lambda x: x[x > 0],
    "an index that is a number": lambda x: x[x[0, 0].long()],
    "nonzero": lambda x: x.nonzero(),
    "where of one": lambda x: torch.where(x > 0),
    "a copy": lambda x: torch.zeros(2, 3).copy_(x),
    "a decomposition": lambda x: torch.linalg.solve(x @ x.T + torch.eye(2).to(x), x),
}


@pytest.mark.parametrize("case", READS)
def test_what_waits_for_the_device_is_counted_once(case, device):
    x, here = device.put(torch.ones(2, 3)), torch.ones(2, 3)
    READS[case](x)
    assert len(device.reads) == 1, device.reads
    (
        x[0],
        x[torch.tensor([True, False])],
        torch.where(x > 0, x, 0.0),
        here.to(x),
        here.tolist(),
        here[here > 0],
    )
    assert len(device.reads) == 1, device.reads


def test_numpy_and_what_a_device_lacks_raise(device):
    x = device.put(torch.ones(2, 3))
    for work, error in ((x.numpy, TypeError), (lambda: torch.histogram(x, 4), NotImplementedError)):
        with pytest.raises(error):
            work()
    assert x.cpu().numpy().sum() == 6 and torch.ones(3).numpy().sum() == 3
