"""The peers: other programs that run Sigma rules, each in an environment of its own.

Environments are made when they are first wanted, in a folder of the user's cache, with pinned
versions. A peer that cannot be installed is said in the table.
"""
