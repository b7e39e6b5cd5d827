# Benchmarks: MlJobs side by side with what they are made of. BENCH="kwok search" for some parts,
# BENCH_ARGS="--rounds 5 --jobs 5000" for longer ones.
.PHONY: bench
BENCH ?=
BENCH_ARGS ?=
BENCH_TOOLS = etcd kube-apiserver kube-controller-manager kube-scheduler kwok

bench: venv ## every benchmark next to its peer: a table here, JSON in .local/bench
	@$(MAKE) --no-print-directory tools TOOLS="$(BENCH_TOOLS)" >/dev/null
	@$(BIN)/python -m tests.bench $(BENCH) $(BENCH_ARGS)
