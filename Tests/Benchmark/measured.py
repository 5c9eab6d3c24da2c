"""What was measured, and the report on it. The folder with the measurements is the one argument of the program."""
import datetime, json, os, statistics, sys


def path(name): return os.path.join(sys.argv[1], name)
def text(name): return open(path(name)).read()


class Measured:
    """Times of one command, in seconds."""
    def __init__(self, name, times):
        self.name, self.mean, self.sigma = name, statistics.mean(times), statistics.stdev(times)
        self.least, self.runs = min(times), len(times)
    def __str__(self): return f"{self.mean * 1e3:.2f} ms"


def hyperfine(name, labels):
    """The results of one run of hyperfine. An audit may exit with 1 or 3, and find where a process ended meanwhile."""
    results = json.loads(text(f"{name}.json"))["results"]
    for result, label in zip(results, labels, strict=True):
        usual = {0, 1, 3} if "hugeaudit" in label else {0, 1} if "find" in label else {0}
        strange = set(result["exit_codes"]) - usual
        if strange: sys.exit(f"benchmark: {label} exited with {strange}")
    return [Measured(label, result["times"]) for result, label in zip(results, labels, strict=True)]


# Base pages of the machine.
present = sum(int(line.split()[1]) for line in open("/proc/zoneinfo") if line.split()[0] == "present")


def report(title, command, targets, measured):
    """Prints targets as (what, target, got, whether it was met, or None), then what was measured."""
    print(f"""# {title}

{datetime.date.today()}, Linux {os.uname().release}, {os.cpu_count()} CPUs, {present / 2**18:.1f} GiB of memory.
Made by `{command}`.

| what | target | got | met |
|---|---|---|---|""")
    for what, target, got, met in targets:
        print(f"| {what} | {target} | {got} | { {True: 'yes', False: '**no**', None: ''}[met]} |")
    print("""
## Measured

| command | mean ± σ | least | runs |
|---|---|---|---|""")
    for one in measured:
        print(f"| {one.name} | {one.mean * 1e3:.2f} ± {one.sigma * 1e3:.2f} ms | {one.least * 1e3:.2f} ms | {one.runs} |")
