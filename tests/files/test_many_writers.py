"""Processes that save under one name at once: whoever loads it gets one of the things saved, whole."""

import multiprocessing

import pytest
import torch

from img2noise import load, metadata, save

WRITERS, READERS, SAVES = 2, 1, 40
SHAPE = (4, 4, 64, 64)  # 256 KiB: more than one write of a file system


def writing(path, number, start):
    """Save noise of the value 10 number + i for i = 0 .. SAVES - 1, as soon as all are there."""
    start.wait(60)
    for i in range(SAVES):
        value = number * SAVES + i
        save(torch.full(SHAPE, float(value)), path, value=value)


def reading(path, start, stop, answers):
    """Load until told to stop; send how often, and what was wrong with a load if anything was."""
    start.wait(60)
    count, wrong = 0, None
    while wrong is None and not (stop.is_set() and count):
        try:
            noise = load(path)
            if noise.shape != SHAPE or not bool((noise == noise[0, 0, 0, 0]).all()):
                wrong = "a mixture"
            if not 0 <= float(noise[0, 0, 0, 0]) < WRITERS * SAVES or not metadata(path)["value"].isdigit():
                wrong = "something nobody saved"
        except Exception as error:  # whatever it is, the test tells
            wrong = repr(error)
        count += 1
    answers.put((count, wrong))


@pytest.fixture
def context():
    return multiprocessing.get_context("spawn")  # as Windows and macOS do, and as torch wants it


def test_processes_that_save_one_name_never_show_a_reader_half_a_file(tmp_path, context):
    path = save(torch.zeros(SHAPE), tmp_path / "same.safetensors", value=0)
    start, stop, answers = context.Barrier(WRITERS + READERS), context.Event(), context.Queue()
    writers = [context.Process(target=writing, args=(path, n, start)) for n in range(WRITERS)]
    readers = [context.Process(target=reading, args=(path, start, stop, answers)) for _ in range(READERS)]
    for process in writers + readers:
        process.start()
    for process in writers:
        process.join(120)
    stop.set()
    found = [answers.get(timeout=60) for _ in readers]
    for process in readers:
        process.join(60)
    assert [p.exitcode for p in writers + readers] == [0] * (WRITERS + READERS)
    assert [wrong for _, wrong in found] == [None] * READERS
    assert sum(count for count, _ in found) >= 5
    last = {n * SAVES + SAVES - 1 for n in range(WRITERS)}
    assert int(load(path)[0, 0, 0, 0]) in last and int(metadata(path)["value"]) in last
    assert [p.name for p in tmp_path.iterdir()] == ["same.safetensors"]
