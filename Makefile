# `make test` is what CI runs: it installs what it needs and runs every test.

.PHONY: check test test-rust test-demo test-browser test-infra browser venv fmt

# What must hold before anything is tested: format, lints, documentation.
check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

test: test-rust test-demo test-browser test-infra

# The stand-ins for AWS are Python packages, run on loopback.
# The stacks are deployed to one of them.
test-rust: venv infra/dist/built
	cargo build --bin pointsman
	cargo test --workspace

venv: target/venv/installed target/venv-ministack/installed

# Any Python from 3.10 on; Debian keeps the module that makes virtual environments in a package of its own.
target/venv/installed: tests/requirements.txt
	@python3 -c 'import ensurepip' 2>/dev/null || { \
	  echo "installing Debian's python3-venv"; \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends python3-venv; \
	}
	python3 -m venv target/venv
	target/venv/bin/pip install -q --disable-pip-version-check -r tests/requirements.txt
	touch $@

# An environment of its own: it wants one certain botocore, and the AWS CLI another.
target/venv-ministack/installed: tests/requirements-ministack.txt target/venv/installed
	python3 -m venv target/venv-ministack
	target/venv-ministack/bin/pip install -q --disable-pip-version-check -r tests/requirements-ministack.txt
	touch $@

# The stacks: types, templates, other people's linters and our own checks, all without network.
test-infra: venv infra/dist/built
	cargo build --bin pointsman
	cd infra && npm test

infra/dist/built: infra/package-lock.json $(wildcard infra/bin/*.ts infra/lib/*.ts)
	cd infra && npm ci --no-audit --no-fund && npm run build
	touch $@

# The main job, end to end, by the real binary: real pushes, real stages, every run final.
test-demo:
	cargo run --bin pointsman -- demo --once

# The page, driven in a real browser against the real binary.
test-browser: browser
	cargo build --bin pointsman
	cd tests/browser && npm ci --no-audit --no-fund && npm test

# Debian's Chromium; where there is another, name it with CHROMIUM=/path/to/it.
browser:
	@if [ -z "$$CHROMIUM" ] && ! command -v chromium >/dev/null; then \
	  echo "installing Debian's chromium"; \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium; \
	fi

fmt:
	cargo fmt --all
