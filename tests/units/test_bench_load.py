"""The other load: told from a copy of the kernel's files, written by hand."""

from pathlib import Path

import pytest

from bench.frame.load import Load, compare, observe, watch_load

BENCH = 100


class Proc:
    """A folder that looks like /proc. All times are in ticks; the machine counts 1000 in all per step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processors(idle=0)

    def processors(self, user: int = 0, idle: int = 0, iowait: int = 0, stolen: int = 0, average: float = 0.5) -> None:
        (self.folder / "stat").write_text(f"cpu  {user} 0 0 {idle} {iowait} 0 0 {stolen} 0 0\ncpu0 1 2 3\n")
        (self.folder / "loadavg").write_text(f"{average} 0.10 0.05 1/200 4242\n")

    def process(self, pid: int, parent: int, *, ticks: int = 0, waited_for: int = 0, kernel: bool = False) -> None:
        folder = self.folder / str(pid)
        folder.mkdir(exist_ok=True)
        flags = 0x00200040 if kernel else 0x40
        before_times = f"S {parent} 1 1 0 -1 {flags} 0 0 0 0"
        times = f"{ticks} 0 {waited_for} 0"
        (folder / "stat").write_text(f"{pid} (odd ) name) {before_times} {times} 20 0 1 0 {7 * pid} 0 0\n")

    def end(self, pid: int) -> None:
        for file in (self.folder / str(pid)).iterdir():
            file.unlink()
        (self.folder / str(pid)).rmdir()


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    proc = Proc(tmp_path)
    proc.process(1, 0)
    proc.process(49, 1)
    proc.process(BENCH, 49)
    proc.process(50, 1)
    return proc


def others_after(proc: Proc, change: object, daemons: tuple[int, ...] = ()) -> float:
    before = observe(proc.folder, {BENCH, *daemons})
    assert callable(change)
    change()
    proc.processors(user=500, idle=500)
    return compare(before, observe(proc.folder, {BENCH, *daemons})).others


def test_busy_and_stolen_are_shares_of_the_whole_machine_and_waiting_for_disks_is_idle(proc: Proc) -> None:
    before = observe(proc.folder, {BENCH})
    proc.processors(user=600, idle=200, iowait=100, stolen=100, average=9.0)
    assert compare(before, observe(proc.folder, {BENCH})) == Load(average=0.5, busy=0.6, others=0.0, stolen=0.1)


def test_work_of_a_stranger_is_the_load_of_others(proc: Proc) -> None:
    proc.process(60, 50, ticks=1000)
    assert others_after(proc, lambda: proc.process(60, 50, ticks=1100)) == 0.1


def test_a_stranger_that_starts_meanwhile_counts_from_its_start(proc: Proc) -> None:
    assert others_after(proc, lambda: proc.process(61, 50, ticks=200, waited_for=50)) == 0.25


def test_a_stranger_that_takes_over_a_pid_is_not_mistaken_for_the_earlier_one(proc: Proc) -> None:
    proc.process(60, 50, ticks=1000)

    def reuse_pid() -> None:
        proc.process(60, 50, ticks=100)
        stat = proc.folder / "60" / "stat"
        stat.write_text(stat.read_text().replace(f" {7 * 60} ", " 99999 "))

    assert others_after(proc, reuse_pid) == 0.1


def test_a_stranger_that_ended_counts_only_with_what_it_used_since(proc: Proc) -> None:
    proc.process(60, 50, ticks=1000)

    def end() -> None:
        proc.end(60)
        proc.process(50, 1, waited_for=1100)

    assert others_after(proc, end) == 0.1


def test_a_family_of_strangers_that_ended_together_is_not_counted_twice(proc: Proc) -> None:
    proc.process(60, 50, ticks=10)
    proc.process(61, 60, ticks=1000)

    def end() -> None:
        proc.end(60)
        proc.end(61)
        proc.process(50, 1, waited_for=1110)

    assert others_after(proc, end) == 0.1


def test_a_stranger_that_ended_without_heirs_hides_nobody_elses_load(proc: Proc) -> None:
    proc.process(60, 50, ticks=100000)
    proc.process(61, 50)

    def end() -> None:
        proc.end(60)
        proc.process(61, 50, ticks=100)

    assert others_after(proc, end) == 0.1


def test_the_bench_and_all_it_started_are_not_others(proc: Proc) -> None:
    def work() -> None:
        proc.process(BENCH, 49, ticks=100, waited_for=100)
        proc.process(101, BENCH, ticks=100)
        proc.process(102, 101, ticks=100)

    assert others_after(proc, work) == 0.0


def test_daemons_of_what_is_measured_are_not_others_and_neither_are_their_children(proc: Proc) -> None:
    def work() -> None:
        proc.process(70, 1, ticks=300)
        proc.process(71, 70, ticks=100)
        proc.process(72, 1, ticks=50)

    assert others_after(proc, work, daemons=(70,)) == 0.05


@pytest.mark.parametrize("adopter", [1, 49])
def test_daemons_that_the_bench_ended_are_not_others_although_an_ancestor_inherits_their_time(
    proc: Proc, adopter: int
) -> None:
    proc.process(70, adopter, ticks=300)

    def end() -> None:
        proc.end(70)
        proc.process(adopter, 0, waited_for=300)

    assert others_after(proc, end, daemons=(70,)) == 0.0


def test_an_ancestor_of_the_bench_counts_with_its_own_work(proc: Proc) -> None:
    proc.process(60, 49, ticks=1000)

    def work() -> None:
        proc.end(60)
        proc.process(49, 1, ticks=100, waited_for=1000)

    assert others_after(proc, work) == 0.1


def test_the_past_of_a_shell_that_left_the_bench_behind_is_no_load_of_now(proc: Proc) -> None:
    proc.process(49, 1, waited_for=900)
    assert others_after(proc, lambda: proc.process(BENCH, 1)) == 0.0


def test_threads_of_the_kernel_are_not_others(proc: Proc) -> None:
    assert others_after(proc, lambda: proc.process(9, 2, ticks=400, kernel=True)) == 0.0


def test_the_kernel_of_this_machine_answers_in_the_same_way() -> None:
    load = watch_load(tuple)()
    assert all(0.0 <= part <= 1.0 for part in (load.busy, load.others, load.stolen))
