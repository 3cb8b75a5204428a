# make play [FILE=path]   hear it: one hub and three rooms on this machine
# make test               check it: formatting, lints, every test
# make proof              check it for real: processes, files, converters, clocks that run apart
# make lab [ARGS=…]       measure it beside Snapcast, on bad networks and crystals; as root, ten minutes
# make test-bluetooth     prove it with a Bluetooth speaker on real BlueZ, in a virtual machine; as root
# make contract [ARGS=…]  have the API asked whatever its description allows, and more; takes some minutes
# make bench              how long the parts take that run often
# make instructions       what a packet costs in instructions, which repeat
# make scale              how many rooms a hub on one core serves; takes two cores for some minutes
# make control [ARGS=…]   what the API bears beside the sound, and the page; takes two cores for some minutes
# make dashboards         draw the dashboards from a household that runs for five minutes; as root
# make install [PREFIX=]  put the programs into PREFIX/bin (/usr/local/bin), with man pages, completions, services

.PHONY: play test contract proof lab test-bluetooth bench instructions scale control dashboards install packages

PREFIX ?= /usr/local
STAGE = target/install

# All of the workspace is built with the same features, whichever of its programs are asked for.
BUILD = cargo build --release --locked --workspace --bin unisono --bin unisono-hub --bin unisono-node

PACKAGES = build-essential cmake pkg-config libasound2-dev libdbus-1-dev libsbc-dev

# What tests look at the page with, hold our SBC against, what reads our metrics, and what writes to our FIFO.
TEST_PACKAGES = chromium chromium-driver dbus-daemon ffmpeg mpd prometheus sbc-tools

# As it was typed: make would expand a $ in it.
override export FILE := $(value FILE)

play: packages
	cargo build --release --locked
	@trap '' INT; target/release/unisono demo -- $${FILE:+"$$FILE"}

# Most tests wait for something: more of them at once than there are processors.
test: packages
	@.ci/packages $(TEST_PACKAGES)
	@cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 || rustup component add rustfmt clippy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-4} cargo test --workspace --locked

contract: packages
	@.ci/packages python3-venv
	cargo build --release --locked
	.ci/contract $(ARGS)

proof: packages
	@.ci/packages lame
	$(BUILD) --bin prove
	target/release/prove target/proof

lab: packages
	$(BUILD) --bin lab
	target/release/lab $(ARGS)

test-bluetooth: packages
	benches/bluetooth/vm build target/bluetooth-vm
	$(BUILD) --bin prove_bluetooth --bin guest --bin speaker
	target/release/prove_bluetooth $(ARGS)

bench: packages
	@.ci/packages sbc-tools
	cargo bench --locked -p unisono-benches

instructions: packages
	@.ci/packages valgrind
	cargo build --release --locked --workspace --bin instructions
	target/release/instructions

scale: packages
	$(BUILD) --bin scale
	target/release/scale

control: packages
	@.ci/packages chromium chromium-driver
	$(BUILD) --bin control
	target/release/control $(ARGS)

dashboards: packages
	@.ci/packages prometheus
	$(BUILD) --bin dashboards
	target/release/dashboards $(ARGS)

# Put together here, and copied as root where only root may: sudo does not find cargo.
install: packages
	cargo build --release --locked
	rm -rf $(STAGE)
	install -d $(STAGE)/bin $(STAGE)/share/man/man1 $(STAGE)/share/bash-completion/completions \
		$(STAGE)/share/zsh/site-functions $(STAGE)/share/fish/vendor_completions.d $(STAGE)/lib/systemd/system \
		$(STAGE)/lib/sysusers.d
	install -t $(STAGE)/bin target/release/unisono target/release/unisono-hub target/release/unisono-node
	target/release/unisono man --folder $(STAGE)/share/man/man1
	target/release/unisono completions bash >$(STAGE)/share/bash-completion/completions/unisono
	target/release/unisono completions zsh >$(STAGE)/share/zsh/site-functions/_unisono
	target/release/unisono completions fish >$(STAGE)/share/fish/vendor_completions.d/unisono.fish
	for unit in engine/hub/unisono-hub.service nodes/player/unisono-node.service; do \
		sed 's|^ExecStart=/usr/local/|ExecStart=$(PREFIX)/|' $$unit >$(STAGE)/lib/systemd/system/$${unit##*/}; \
	done
	install -m 644 protocol/settings/unisono.sysusers $(STAGE)/lib/sysusers.d/unisono.conf
	@if mkdir -p "$(DESTDIR)$(PREFIX)/bin" 2>/dev/null && [ -w "$(DESTDIR)$(PREFIX)/bin" ]; then sudo=; else sudo=sudo; fi; \
	set -x; $$sudo mkdir -p "$(DESTDIR)$(PREFIX)" && $$sudo cp -R $(STAGE)/. "$(DESTDIR)$(PREFIX)/"

packages:
	@.ci/packages $(PACKAGES)
