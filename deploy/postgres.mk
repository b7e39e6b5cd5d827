# PostgreSQL for the tests: Debian's package, its binaries only. The tests start servers of their own.
POSTGRES_INITDB = $(firstword $(wildcard /usr/lib/postgresql/*/bin/initdb) $(shell command -v initdb))

.PHONY: postgres
postgres: ## install PostgreSQL's binaries for the tests, if they are missing
	@test -n "$(POSTGRES_INITDB)" || { \
	  command -v apt-get >/dev/null || { echo "postgres: not found, and this is not Debian: install PostgreSQL 13 or newer so that initdb is on PATH" >&2; exit 1; }; \
	  test "$$(id -u)" = 0 || { echo "postgres: not found; install it with: sudo apt-get install postgresql" >&2; exit 1; }; \
	  echo "postgres: installing Debian's package"; \
	  mkdir -p /etc/postgresql-common/createcluster.d; \
	  echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.d/mljob-tests.conf; \
	  export DEBIAN_FRONTEND=noninteractive; \
	  { apt-get install -y -qq --no-install-recommends postgresql || { apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql; }; } >/dev/null; }
