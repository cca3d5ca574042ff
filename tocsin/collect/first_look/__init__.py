"""First looks: what a cloud still shows of its recent past, read with rights to read only.

One file a cloud, one public class in it, found by name.
"""
