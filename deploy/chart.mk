# The Helm chart's snapshots.
.PHONY: chart-snapshots

chart-snapshots: venv ## render the chart's snapshots anew; read the diff before committing it
	@$(MAKE) --no-print-directory tools TOOLS=helm >/dev/null
	@$(BIN)/python -m tests.unit.chart.rendering
