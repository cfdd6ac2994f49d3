# `make test` is what CI runs: it installs what it needs and runs every test.

.PHONY: check crash model load test test-rust faketime test-demo test-browser test-infra browser venv fmt lambda lambda-x86_64 lambda-arm64 lambda-size lambda-bench lambda-archive lambda-qemu

# What must hold before anything is tested: format, lints, documentation. The functions are built without the feature `machine`, so they are looked
# at alone, too.
check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy -p lambda -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

test: test-rust test-demo test-browser test-infra

# The stand-ins for AWS are Python packages, run on loopback.
# The stacks are deployed to one of them.
test-rust: venv infra/dist/built faketime
	cargo build --bin pointsman --bin doors
	cargo test --workspace

# What sets the clock of one process: Debian's libfaketime.
faketime:
	@if ! ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1; then \
	  echo "installing Debian's libfaketime"; \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends libfaketime; \
	fi

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

# The functions of both architectures: target/lambda/<door>/bootstrap for x86_64, target/lambda-arm64/<door>/bootstrap for arm64. Their size is
# told at the end; one that is too large can be deployed all the same.
lambda: lambda-x86_64 lambda-arm64
	-@$(MAKE) --no-print-directory lambda-size

# One binary is built and put in place for each door.
lambda-x86_64 lambda-arm64: lambda-%: venv
	target/venv/bin/python -m pip install -q --disable-pip-version-check -r lambda/requirements.txt
	rustup target add $(if $(filter arm64,$*),aarch64,x86_64)-unknown-linux-gnu
	PATH="$$PWD/target/venv/bin:$$PATH" target/venv/bin/cargo-lambda lambda build \
	  --profile lambda --package lambda --bin doors $(if $(filter arm64,$*),--arm64,--x86-64) --lambda-dir target/lambda-built/$*
	target/venv/bin/python lambda/place.py target/lambda-built/$*/doors/bootstrap target/lambda$(if $(filter arm64,$*),-arm64) webhook dispatch callback sweep

# What a zip is to have at most: a function is fetched before it begins. What is built is looked at, and nothing is built; docs/aws.md has
# what it comes to now.
LAMBDA_ZIP_MOST = 4000000
lambda-size:
	@ls -l target/lambda*/*.zip
	@! find target/lambda*/ -maxdepth 1 -name '*.zip' -size +$(LAMBDA_ZIP_MOST)c | sed 's/$$/: larger than $(LAMBDA_ZIP_MOST) bytes/' | grep .

# What beginning costs: measured with the binary that `make lambda` built and a stand-in for the runtime API.
lambda-bench: lambda-x86_64
	cargo test -p tests --lib -- --ignored --nocapture the_cost_of_beginning

# A repository of gigabytes through the function `dispatch` that `make lambda` built: it takes minutes, and as much room in the temporary folder.
lambda-archive: lambda-x86_64
	cargo test -p tests --lib -- --ignored --nocapture a_repository_of_gigabytes

# The functions for arm64 behind a stand-in for the runtime API, by Debian's qemu-user; on another system, have qemu-aarch64 on the path.
lambda-qemu: lambda-arm64
	command -v qemu-aarch64 >/dev/null || { \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends qemu-user libc6-arm64-cross; \
	}
	cargo test -p tests --lib -- --ignored --nocapture every_door_opens_on_arm64

# The long form of the model test: POINTSMAN_SEEDS=11..=20 for other seeds than 1..=10, POINTSMAN_MODEL_CASES for more than a hundred
# cases of each.
model:
	cargo test -p tests --lib whatever_happens_with_other_seeds -- --ignored --nocapture

# The long form of the crash tests: POINTSMAN_KILLS=1000 for more than five hundred kills, POINTSMAN_SEED for others.
crash:
	cargo test -p tests five_hundred_kills -- --ignored --nocapture

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

# The service under load, beside a bare handler and Debian's `webhook` where it is installed; see tests/load/README.md. Wants wrk.
load:
	cargo build --profile dist --bin pointsman
	python3 tests/load/load.py --binary target/dist/pointsman

fmt:
	cargo fmt --all

# What is proved of rule files against every push tried, for a hundred thousand files.
.PHONY: prove-long fuzz
prove-long:
	cargo test --release -p router --lib a_hundred_thousand_files -- --ignored --nocapture -- --nocapture

# One fuzz target for so many seconds; see tests/fuzz/README.md.
fuzz:
	cd tests/fuzz && RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=../../target/fuzz \
	  RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table" \
	  cargo build --release --target $$(rustc -vV | sed -n 's/^host: //p') --bin $(TARGET) $(if $(filter receive,$(TARGET)),--features receive)
	mkdir -p target/fuzz/corpus/$(TARGET)
	target/fuzz/$$(rustc -vV | sed -n 's/^host: //p')/release/$(TARGET) -max_total_time=$${SECONDS:-60} -artifact_prefix=target/fuzz/ target/fuzz/corpus/$(TARGET) $(wildcard tests/fuzz/seeds/$(TARGET))
