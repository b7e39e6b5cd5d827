# The local cluster. MLJOB_CLUSTER, MLJOB_NODES and MLJOB_PORT may be set in the environment or after `make`.
CLUSTER_RUN = PYTHONPATH=deploy/kind $(BIN)/python -m mljob_kind

.PHONY: tools cluster images clean-cluster

tools: venv ## build the Go binaries into .local/bin (TOOLS="kubectl etcd" for some)
	@$(CLUSTER_RUN) tools $(TOOLS)

cluster: venv ## a Kubernetes cluster on this machine; its kubeconfig is .local/kubeconfig
	@$(CLUSTER_RUN) up

images: venv ## build the images whose inputs changed and load them into the cluster
	@$(CLUSTER_RUN) images

clean-cluster: venv ## remove the cluster: no process, mount, bridge or rule is left
	@$(CLUSTER_RUN) down
