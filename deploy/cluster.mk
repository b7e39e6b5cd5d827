# The local cluster. TOOLS, MLJOB_CLUSTER, MLJOB_NODES and MLJOB_PORT are read from the environment or the command line.
CLUSTER_RUN = PYTHONPATH=deploy/kind $(BIN)/python -m mljob_kind

.PHONY: tools

tools: venv ## build the Go binaries into .local/bin (TOOLS="kubectl etcd" for some)
	@$(CLUSTER_RUN) tools $(TOOLS)
