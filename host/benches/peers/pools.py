#!/usr/bin/env python3
"""The workloads W1-W8 with a pool of processes of Python: `pools.py loky|concurrent.futures|mp.Pool WORKLOAD NUMBER...`.

Prints the same lines of JSON as isopool's own workloads. `pools.py POOL version` prints what would be measured, or fails."""
import ctypes
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time

WARM_UP = 200
SIZES = ((1 << 10, 1000), (64 << 10, 300), (1 << 20, 60), (64 << 20, 6))
# Longer than any benchmark.
HANG_SECONDS = 1000
# A caller that has heard nothing by then never will.
PATIENCE_SECONDS = 5


# Tasks: functions of a module, so that workers of every start method find them.
def noop(x=0):
    return x


def echo(data):
    return data


def hang(path):
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    time.sleep(HANG_SECONDS)


def count_primes(k):
    """The loop of `host/benches/native`: as machine code, which is what a task that computes has in Python too."""
    return ctypes.CDLL(os.environ["ISOPOOL_BENCH_WORK"]).count_primes(k)


class Futures:
    """Pools with the interface of concurrent.futures."""

    def __init__(self, kind, workers):
        self.pool = kind(max_workers=workers)
        self.submit = self.pool.submit
        self.map = lambda function, items, chunk: self.pool.map(function, items, chunksize=chunk)
        self.pids = lambda: list(self.pool._processes)

    def result(self, handle, timeout=None):
        return handle.result(timeout)

    def close(self):
        self.pool.shutdown(wait=True)


class Multiprocessing:
    def __init__(self, _kind, workers):
        self.pool = multiprocessing.Pool(workers)
        self.submit = lambda function, *arguments: self.pool.apply_async(function, arguments)
        self.map = lambda function, items, chunk: self.pool.map(function, items, chunksize=chunk)
        self.pids = lambda: [process.pid for process in self.pool._pool]

    def result(self, handle, timeout=None):
        return handle.get(timeout)

    def close(self):
        self.pool.close()
        self.pool.join()


def pools(name):
    """What makes a pool of so many workers, and its version."""
    python = "CPython " + sys.version.split()[0]
    if name == "loky":
        import loky

        return lambda workers: Futures(loky.ProcessPoolExecutor, workers), f"loky {loky.__version__}"
    if name == "concurrent.futures":
        from concurrent.futures import ProcessPoolExecutor

        return lambda workers: Futures(ProcessPoolExecutor, workers), python
    if name == "mp.Pool":
        return lambda workers: Multiprocessing(None, workers), python
    sys.exit(f"{name} is no pool that is measured")


NAME = sys.argv[1] if len(sys.argv) > 1 else ""


def line(workload, n, metric, value, unit):
    print(json.dumps(dict(peer=NAME, workload=workload, n=n, metric=metric, value=value, unit=unit)), flush=True)


def quantile(samples, part):
    samples = sorted(samples)
    return samples[min(int(len(samples) * part), len(samples) - 1)]


def descendants():
    children = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                children.setdefault(file.read().rsplit(")", 1)[1].split()[1], []).append(pid)
        except OSError:
            pass  # It has ended since.
    found, open_ends = [], [str(os.getpid())]
    while open_ends:
        below = children.get(open_ends.pop(), [])
        found += below
        open_ends += below
    return found


def cpu_microseconds():
    """CPU time of this process and all below it, by the scheduler's own count."""
    total = 0
    for pid in descendants() + [str(os.getpid())]:
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                    total += int(file.read().split()[0])
        except OSError:
            pass
    return total / 1e3


def memory(path, *keys):
    """The sum of lines of a file in /proc, in KiB."""
    with open(path) as file:
        return sum(int(text.split()[1]) for text in file if text.split(":")[0] in keys)


def round_trip(make):
    pool = make(1)
    for x in range(WARM_UP):
        pool.result(pool.submit(noop, x))
    samples, cpu = [], cpu_microseconds()
    for x in range(2000):
        start = time.perf_counter()
        pool.result(pool.submit(noop, x))
        samples.append((time.perf_counter() - start) * 1e6)
    line("W1", 1, "cpu_us_per_task", (cpu_microseconds() - cpu) / len(samples), "us cpu")
    for metric, part in (("min", 0), ("p50", 0.5), ("p99", 0.99)):
        line("W1", 1, metric, quantile(samples, part), "us")
    line("W1", 1, "p50_after_3ms", quantile(round_trips(pool, 300, lambda: time.sleep(0.003)), 0.5), "us")
    look, idle = cpu_microseconds(), cpu_microseconds()
    time.sleep(0.5)
    # What a look costs is no part of it.
    cpu = (cpu_microseconds() - idle) - (idle - look)
    line("W1", 1, "idle_cpu_us_per_s", max(cpu, 0) * 2, "us cpu")
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count())]
    try:
        line("W1", 1, "p50_crowded", quantile(round_trips(pool, 1000, lambda: None), 0.5), "us")
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    pool.close()


def round_trips(pool, times, before):
    """How long one takes, so often, with something before each."""
    samples = []
    for x in range(times):
        before()
        start = time.perf_counter()
        pool.result(pool.submit(noop, x))
        samples.append((time.perf_counter() - start) * 1e6)
    return samples


def many(make, workload, n, *chunks):
    pool = make(2)
    list(pool.map(noop, range(WARM_UP), 1))
    for chunk in chunks or (1,):
        cpu, start = cpu_microseconds(), time.perf_counter()
        total = sum(pool.map(noop, range(n), chunk))
        seconds, cpu = time.perf_counter() - start, cpu_microseconds() - cpu
        assert total == n * (n - 1) // 2, "every task ran, and once"
        line(workload, n, f"tasks_per_s:chunk{chunk}", n / seconds, "1/s")
        line(workload, n, f"us_per_task:chunk{chunk}", seconds / n * 1e6, "us")
        line(workload, n, f"cpu_us_per_task:chunk{chunk}", cpu / n, "us cpu")
    pool.close()


def echoes(make):
    pool = make(1)
    pool.result(pool.submit(noop, 1))
    for size, times in SIZES:
        data, samples = b"\7" * size, []
        for turn in range(times + 2):
            start = time.perf_counter()
            result = pool.result(pool.submit(echo, data))
            if turn > 1:
                samples.append((time.perf_counter() - start) * 1e6)
            assert len(result) == size
        line("W3", size, "min", min(samples), "us")
        line("W3", size, "p50", quantile(samples, 0.5), "us")
    pool.close()


def first_result(make, workers):
    start = time.perf_counter()
    pool = make(workers)
    pool.result(pool.submit(noop, 1))
    line("W4", workers, "first_result", (time.perf_counter() - start) * 1e3, "ms")
    for handle in [pool.submit(time.sleep, 0.05) for _ in range(2 * workers)]:
        pool.result(handle)
    files = [f"/proc/{pid}/smaps_rollup" for pid in pool.pids()]
    line("W4", workers, "worker_pss", sum(memory(file, "Pss") for file in files) / len(files), "KiB")
    private = sum(memory(file, "Private_Dirty", "Private_Clean") for file in files)
    line("W4", workers, "worker_private", private / len(files), "KiB")
    start = time.perf_counter()
    pool.close()
    line("W4", workers, "shutdown", (time.perf_counter() - start) * 1e3, "ms")


def computing(make, k, n=64):
    cpu, start = cpu_microseconds(), time.perf_counter()
    for _ in range(n):
        count_primes(k)
    serial, serial_cpu = time.perf_counter() - start, cpu_microseconds() - cpu
    for workers in (1, 2):
        pool = make(workers)
        list(pool.map(count_primes, [k] * 4, 1))
        cpu, start = cpu_microseconds(), time.perf_counter()
        list(pool.map(count_primes, [k] * n, 1))
        total, cpu = time.perf_counter() - start, cpu_microseconds() - cpu
        pool.close()
        line("W5", n, f"cpu_overhead_{workers}w", (cpu / serial_cpu - 1) * 100, "% cpu")
        metric = "overhead_1w" if workers == 1 else "overhead_2w_vs_ideal"
        line("W5", n, metric, (total * workers / serial - 1) * 100, "%")


def worker_killed(make, times=5):
    told, again = [], []
    for _ in range(times):
        pool = make(1)
        pool.result(pool.submit(noop, 1))
        descriptor, path = tempfile.mkstemp()
        os.close(descriptor)
        handle = pool.submit(hang, path)
        while not os.path.getsize(path):
            time.sleep(0.002)
        time.sleep(0.02)
        with open(path) as file:
            pid = int(file.read())
        os.unlink(path)
        start = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        try:
            pool.result(handle, PATIENCE_SECONDS)
        except (TimeoutError, multiprocessing.TimeoutError):
            line("W6", 1, "to_error_p50", "never", "ms")
            sys.stdout.flush()
            for child in descendants():
                os.kill(int(child), signal.SIGKILL)
            os._exit(0)
        except Exception:
            pass  # Each has an error of its own for it.
        told.append((time.perf_counter() - start) * 1e3)
        # None of them goes on with a pool that has lost a worker.
        pool = make(1)
        pool.result(pool.submit(noop, 1))
        again.append((time.perf_counter() - start) * 1e3)
        pool.close()
    for metric, samples in (("to_error", told), ("to_first_result", again)):
        line("W6", 1, f"{metric}_min", min(samples), "ms")
        line("W6", 1, f"{metric}_p50", quantile(samples, 0.5), "ms")


def futures_at_once(make, n):
    pool = make(2)
    for x in range(50):
        pool.result(pool.submit(noop, x))
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before, start = memory("/proc/self/status", "VmRSS"), time.perf_counter()
    handles = [pool.submit(noop, x) for x in range(n)]
    line("W7", n, "submit_s", time.perf_counter() - start, "s")
    for handle in handles:
        pool.result(handle)
    line("W7", n, "total_s", time.perf_counter() - start, "s")
    grown = memory("/proc/self/status", "VmHWM") - before
    line("W7", n, "bytes_per_future", grown * 1024 / n, "B")
    pool.close()


def whole_program(make):
    pool = make(1)
    pool.result(pool.submit(noop, 1))
    pool.close()


def main():
    make, version = pools(NAME)
    workload, numbers = sys.argv[2], [int(number) for number in sys.argv[3:]]
    if workload in ("W2", "W8"):
        return many(make, workload, *numbers)
    workloads = dict(
        version=lambda _: print(version),
        W1=round_trip,
        W3=echoes,
        W4=first_result,
        W4life=whole_program,
        W5=computing,
        W6=worker_killed,
        W7=futures_at_once,
    )
    workloads[workload](make, *numbers)


if __name__ == "__main__":
    main()
