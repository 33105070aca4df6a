"""A sweep in several processes: each observes whole tiles, one at a time, and the journal stays with the parent.

Perturbations and most stain measurement are small NumPy and SciPy calls, which threads of one process take turns at: on
two cores two threads took 200 s where two processes take 164 s (benchmarks/phantom/stress.md). A plan holds functions,
which no process can send to another; every process makes its own from the same `Sweeping`. Rows are the same bytes in
any number of processes, since each tile is observed alone and with one thread.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import torch

from vstain_bench.base.registry import load_plugins
from vstain_bench.errors import MachineError
from vstain_bench.images.reader import DecodePolicy
from vstain_bench.judge.stress.config import PerturbedSide, StressConfig
from vstain_bench.judge.stress.sweep import Condition, plan_sweep
from vstain_bench.measure.observe import Observed, Plan, observe_here
from vstain_bench.measure.protocol import Protocol, parse_metrics, read_protocol
from vstain_bench.networks.weights import WeightsStore, use_store
from vstain_bench.tiles.batches import Failed, TileFiles
from vstain_bench.words import Tile

MOST_PROCESSES = 8
"""Processes that are started unasked: each takes some 400 MB."""
WORTH_IT = 1000
"""Outputs from which it pays to start processes, which takes some seconds."""


@dataclass(frozen=True)
class Sweeping:
    """What a plan is made from, all of which can be sent to another process.

    Attributes:
        config: Names the metrics, plug-ins and weights.
        tiles: All tiles.
        sizes: Width and height of each in px.
        metrics: Names of the metrics that can be computed.
        conditions: What is done to the tiles.
        side: Which side is perturbed.
        models: Whose outputs are displaced as well.
        policy: How files are decoded.
    """

    config: StressConfig
    tiles: tuple[Tile, ...]
    sizes: Mapping[str, tuple[int, int]]
    metrics: tuple[str, ...]
    conditions: tuple[Condition, ...]
    side: PerturbedSide
    models: tuple[str, ...]
    policy: DecodePolicy

    def plan(self) -> Plan:
        """Return the pass."""
        known = {metric.name: metric for metric in protocol_of(self.config).metrics}
        metrics = tuple(known[name] for name in self.metrics)
        return plan_sweep(
            self.tiles, self.sizes, metrics, self.conditions, seed=self.config.seed, side=self.side, models=self.models
        )


def protocol_of(config: StressConfig) -> Protocol:
    """Return the metrics of a sweep."""
    return parse_metrics(config.metrics) if config.metrics else read_protocol(config.protocol)


def choose_processes(asked: int | None, tiles: int, outputs: int) -> int:
    """Return how many processes so many tiles with so many outputs each are worth: 1 is this one."""
    if asked is not None:
        return max(1, min(asked, tiles))
    if tiles * outputs < WORTH_IT:
        return 1
    return max(1, min(_cores(), MOST_PROCESSES, tiles))


def _cores() -> int:
    """Return the cores that this process may use; some systems tell only how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def observe_in(sweeping: Sweeping, processes: int) -> Callable[[Sequence[TileFiles]], Iterator[Observed | Failed]]:
    """Return what observes tiles in so many processes, as `measure.observe` asks for it."""
    return lambda requests: observe_apart(sweeping, requests, processes)


def observe_apart(sweeping: Sweeping, requests: Sequence[TileFiles], processes: int) -> Iterator[Observed | Failed]:
    """Yield what is observed of every tile by so many processes, in the order in which they finish.

    Raises:
        MachineError: a process was killed, as a rule because memory ran out.
    """
    context = multiprocessing.get_context("spawn")
    upcoming = iter(requests)
    workers: dict[Connection, BaseProcess] = {}
    busy: dict[Connection, TileFiles] = {}

    def assign(connection: Connection) -> None:
        request = next(upcoming, None)
        if request is not None:
            busy[connection] = request
            with suppress(ConnectionError):  # a process that has died is found out when it is to be read
                connection.send(request)

    try:
        for _ in range(min(processes, len(requests))):
            ours, theirs = context.Pipe()
            process: BaseProcess = context.Process(target=_work, args=(theirs, sweeping), daemon=True)
            process.start()
            theirs.close()
            workers[ours] = process
            assign(ours)
        while busy:
            for connection in wait(list(busy)):
                assert isinstance(connection, Connection)
                found = _receive(connection, workers[connection], busy.pop(connection))
                assign(connection)
                yield found
    finally:
        for connection, process in workers.items():
            connection.close()
            process.terminate()
            process.join()


def _receive(connection: Connection, process: BaseProcess, request: TileFiles) -> Observed | Failed:
    try:
        found: Observed | Failed = connection.recv()
        return found
    except EOFError:
        process.join()
        code = process.exitcode or 0
        if code >= 0:
            raise RuntimeError(f"observing tile '{request.id}' failed; the traceback stands above") from None
        raise MachineError(
            where=f"tile '{request.id}'",
            found=f"the process that observed it was stopped by {signal.Signals(-code).name}",
            expected="memory for every process",
            next_step="Give the same command again with --processes 1: it continues.",
        ) from None


def _work(connection: Connection, sweeping: Sweeping) -> None:
    """Observe tile after tile until the parent closes the connection or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    torch.set_num_threads(1)
    config = sweeping.config
    load_plugins(config.plugin)
    with use_store(WeightsStore(config.weights_dir, offline=config.offline)):
        plan = sweeping.plan()
        with suppress(EOFError, ConnectionError):
            while True:
                request: TileFiles = connection.recv()
                (found,) = observe_here(
                    plan, [request], policy=sweeping.policy, device=torch.device("cpu"), batch_size=1, workers=0
                )
                connection.send(found)
