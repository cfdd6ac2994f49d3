# `make test` is what CI runs: it installs what it needs and runs every test.

# What is built and tested: the AWS clients too. The same for every target, or whatever they share is compiled twice.
FEATURES := --features tests/aws

.PHONY: check test test-rust test-demo test-browser browser venv fmt

# What must hold before anything is tested: format, lints (as people build it, and with the AWS clients), documentation.
check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy -p cicd -p tests --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps --document-private-items

test: test-rust test-demo test-browser

# The stand-ins for AWS run on loopback. Plain `cargo test --workspace` leaves AWS out and needs no Python.
test-rust: venv
	cargo test --workspace $(FEATURES)

venv: target/venv/installed

# Any Python from 3.10 on; Debian keeps the module that makes virtual environments in a package of its own.
target/venv/installed: tests/requirements.txt
	@python3 -c 'import ensurepip' 2>/dev/null || { \
	  echo "installing Debian's python3-venv"; \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends python3-venv; \
	}
	python3 -m venv target/venv
	target/venv/bin/pip install -q --disable-pip-version-check -r tests/requirements.txt
	touch $@

# The main job, end to end, by the real binary: real pushes, real stages, every run final.
test-demo:
	cargo run $(FEATURES) --bin pointsman -- demo --once

# The page, driven in a real browser against the real binary.
test-browser: browser
	cargo build $(FEATURES) --bin pointsman
	cd tests/browser && npm ci --no-audit --no-fund && npm test

# Debian's Chromium; where there is another, name it with CHROMIUM=/path/to/it.
browser:
	@if [ -z "$$CHROMIUM" ] && ! command -v chromium >/dev/null; then \
	  echo "installing Debian's chromium"; \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium; \
	fi

fmt:
	cargo fmt --all
