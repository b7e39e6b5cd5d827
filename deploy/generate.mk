# Files generated from the models: the CustomResourceDefinitions and the chart's copy of them.
.PHONY: generate verify-generated

generate: venv ## write crds/ and the chart's copy from the models
	@$(BIN)/python -m mljob.api.generate

verify-generated: venv ## fail when a generated file differs from the models
	@$(BIN)/python -m mljob.api.generate --check
