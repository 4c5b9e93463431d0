"""What a weekend does to a run: kills, full disks, clocks that jump, files cut off, servers that die. `python -m tests.faults`."""
