"""`make demo`: the chart and the examples on the local cluster, and what came of them."""
