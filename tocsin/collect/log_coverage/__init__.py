"""Which logs of a cloud are on and which are off, asked with rights to read only.

One file a cloud, one public class in it, found by name; `examine` yields `log_states.LogState`.
"""
