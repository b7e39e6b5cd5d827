"""The runner: starts the job's function in a process of its own, stops it in time, reports how it ended.

Standard library only, Python 3.8 to the newest. In the pod this package is called `mljob_runner`.
"""
