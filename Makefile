# make play [FILE=path]   hear it: one hub and three rooms on this machine
# make test               check it: formatting, lints, every test
# make proof              check it for real: processes, files, converters, clocks that run apart
# make lab [ARGS=…]       measure it beside Snapcast, on bad networks and crystals; as root, ten minutes
# make test-bluetooth     prove it with a Bluetooth speaker on real BlueZ, in a virtual machine; as root
# make bench              how long the parts take that run often
# make instructions       what a packet costs in instructions, which repeat
# make scale              how many rooms a hub on one core serves; takes two cores for some minutes
# make install [PREFIX=]  put the programs into PREFIX/bin (/usr/local/bin)

.PHONY: play test proof lab test-bluetooth bench instructions scale install packages

PREFIX ?= /usr/local

PACKAGES = build-essential cmake pkg-config libasound2-dev libdbus-1-dev libsbc-dev

# What tests hold our SBC against, and what writes to our FIFO.
TEST_PACKAGES = dbus-daemon ffmpeg mpd sbc-tools

# As it was typed: make would expand a $ in it.
override export FILE := $(value FILE)

play: packages
	cargo build --release --locked
	@trap '' INT; target/release/unisono demo -- $${FILE:+"$$FILE"}

test: packages
	@.ci/packages $(TEST_PACKAGES)
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --workspace --locked

proof: packages
	@.ci/packages lame
	cargo build --release --locked
	target/release/prove target/proof

lab: packages
	cargo build --release --locked
	target/release/lab $(ARGS)

test-bluetooth: packages
	benches/bluetooth/vm build target/bluetooth-vm
	cargo build --release --locked
	target/release/prove_bluetooth $(ARGS)

bench: packages
	@.ci/packages sbc-tools
	cargo bench --locked -p unisono-benches

instructions: packages
	@.ci/packages valgrind
	cargo build --release --locked -p unisono-benches
	target/release/instructions

scale: packages
	cargo build --release --locked
	target/release/scale

install: packages
	cargo build --release --locked
	install -d "$(DESTDIR)$(PREFIX)/bin"
	install -t "$(DESTDIR)$(PREFIX)/bin" target/release/unisono target/release/unisono-hub target/release/unisono-node

packages:
	@.ci/packages $(PACKAGES)
