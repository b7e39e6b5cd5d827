"""What runs in the job's pod (`pod/`) and how the operator ships it there (`bundle`).

`pod/` is standard library only and runs on Python 3.8 and later; nothing here may import the operator.
"""
