"""The suite for detection: ratios in one run, against the parser, the statement and the peers.

`python -m benchmarks.detection` measures every row of the table of targets, or those that are
named; each row is a file in `rows`. Where sides are compared they take turns, and seconds are those
of processors, start-up included where whole programs are compared. Before a speed is shown, the
pairs of rule and event must be those of the plain way, which asks every rule about every event.
"""
