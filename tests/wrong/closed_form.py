"""Wrong on purpose: correct results of CPU work, by a formula that takes no time."""

from workloads import cpu, cpu_native

M = 2**31


def _compute(ksteps):
    times, plus, a, c, left = 1, 0, 1_103_515_245, 12_345, ksteps * 1000
    while left:
        if left % 2:
            times, plus = times * a % M, (plus * a + c) % M
        a, c = a * a % M, (a * c + c) % M
        left //= 2
    return (times + plus) % M


def _multiply(n):
    """Compute sums from rows that repeat after seven and columns that repeat after five."""
    whole, rest = divmod(n, 7)
    columns = [whole * 21 + sum((i + k) % 7 for i in range(rest)) for k in range(7)]
    whole, rest = divmod(n, 5)
    rows = [whole * sum(k * j % 5 for j in range(5)) + sum(k * j % 5 for j in range(rest)) for k in range(5)]
    return sum(columns[k % 7] * rows[k % 5] for k in range(n))


cpu.compute, cpu_native.multiply = _compute, _multiply

from django_app.sync_app import application  # noqa: E402, F401
