# What a newcomer runs first.
.PHONY: demo

demo: venv ## a cluster with MlJob and the examples on this machine; it is left running
	@$(CLUSTER_RUN) images
	@$(BIN)/python -m deploy.demo
