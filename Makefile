# The two commands of the README, and what they are made of. Meson and Ninja do the building.
#   make          build build/outrider and build/outriderd
#   make test     unit and system tests; SANITIZE=address,undefined or SANITIZE=thread for such a build
#   make test-long   what takes longer: Exim built with OpenSSL from Debian's source (a minute and a half)
#   make test-steady   kill -9 a thousand times, ten thousand hostile connections, machines that fail (an hour); KILLS=N PEERS=N
#   make demo     install build dependencies, build, and send mail through the lab's whole internet; STORY=g1: what a postmaster
#                 sees and does when a root leaves the bundle while mail depends on it; STORY=publish: the whole life of a domain
#                 that publishes a policy, with a mistake at each step that is caught before it hurts
#   make attack   the same with somebody on the wire: the attack matrix (docs/attacks.md); JSON=FILE for all details
#   make bench    all of them, an hour (bench/README.md); ONLY=verify|policy-host|warm|cold|undisturbed|delivery for one of
#                 them, with OPTIONS="--json FILE --svg FOLDER" and more (bench/cold/run --help ...). verify: a certificate with
#                 1, 140 and 1000 roots; policy-host: ours beside nginx; warm: answers, and the size of the cache; and in the lab,
#                 cold: a destination that is not known yet; undisturbed: warm answers beside a storm and more; delivery: what
#                 Outrider adds to a message
#   make soak     mixed load with faults for MINUTES=10: memory, descriptors and latency must stay; JSON=FILE for all samples;
#                 VALGRIND=1 under valgrind, SANITIZE=address,undefined for a build that watches itself
#   make fuzz     libFuzzer on every parser, a minute each (needs clang); TARGET=NAME for one, RUNS=N or SECONDS=N for longer,
#                 LENGTH=N for inputs of N octets at most
#   make lab      a shell inside the lab

SANITIZE ?=
empty :=
comma := ,
ifeq ($(SANITIZE),)
BUILD ?= build
MESON_OPTIONS =
else
BUILD ?= build-$(subst $(comma),-,$(SANITIZE))
MESON_OPTIONS = -Db_sanitize=$(SANITIZE) -Dbuildtype=debug
endif
ifneq ($(CI),)
MESON_OPTIONS += -Dwerror=true
endif

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)
	@ln -sfn cli/outrider $(BUILD)/outrider
	@ln -sfn daemon/outriderd $(BUILD)/outriderd

$(BUILD)/build.ninja:
	meson setup $(BUILD) $(MESON_OPTIONS)

deps:
	tools/install-deps

test: all
	tools/run-tests $(BUILD)

test-long: all
	tests/long/run $(BUILD)

test-steady: all
	KILLS=$(KILLS) PEERS=$(PEERS) tests/long/steady $(BUILD)

demo: deps
	$(MAKE) all
	tools/run-in-lab $(BUILD) $(if $(STORY),story $(STORY),demo)

attack: deps
	$(MAKE) all
	tools/run-in-lab $(BUILD) attack $(if $(JSON),--json $(JSON))

lab: all
	tools/run-in-lab $(BUILD) shell

BENCHES = verify policy-host warm cold undisturbed delivery
ifeq ($(ONLY),)
bench: $(BENCHES:%=bench-%)
else
bench: bench-$(ONLY)
endif

bench-verify: $(BUILD)/build.ninja
	ninja -C $(BUILD) bench/bench_verify
	$(BUILD)/bench/bench_verify $(if $(JSON),--json > $(JSON))

bench-policy-host: $(BUILD)/build.ninja
	ninja -C $(BUILD) bench/web_load tests/unit/daemon/policy_host
	bench/policy_host.py $(BUILD) $(if $(ONLY),$(OPTIONS))

bench-warm: $(BUILD)/build.ninja
	ninja -C $(BUILD) bench/warm/bench_load bench/warm/bench_echo bench/warm/bench_serve tests/unit/daemon/daemon_warm_test
	bench/warm/run $(BUILD) $(WARM) $(if $(ONLY),$(OPTIONS))

bench-cold bench-undisturbed bench-delivery: all
	bench/$(@:bench-%=%)/run $(BUILD) $(if $(ONLY),$(OPTIONS))

soak: all
	tools/run-in-lab $(BUILD) soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(VALGRIND),--valgrind) $(if $(JSON),--json $(JSON))

build-fuzz/build.ninja:
	CC="$(if $(shell command -v ccache),ccache )clang" meson setup build-fuzz -Dfuzz=true

fuzz: build-fuzz/build.ninja
	ninja -C build-fuzz $(if $(TARGET),tests/fuzz/fuzz_$(TARGET),fuzz)
	tools/fuzz build-fuzz $(if $(TARGET),--target $(TARGET)) $(if $(RUNS),--runs $(RUNS)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(LENGTH),--length $(LENGTH))

clean:
	rm -rf build build-*

.PHONY: all deps test test-long test-steady demo attack bench $(BENCHES:%=bench-%) fuzz soak lab clean
