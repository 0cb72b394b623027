# The two commands of the README, and what they are made of. Meson and Ninja do the building.
#   make          build build/outrider and build/outriderd
#   make test     unit and system tests; SANITIZE=address,undefined or SANITIZE=thread for such a build
#   make test-long   what takes longer: Exim built with OpenSSL from Debian's source (a minute and a half)
#   make test-steady   kill -9 a thousand times, ten thousand hostile connections, machines that fail (half an hour); KILLS=N PEERS=N
#   make demo     install build dependencies, build, and send mail through the lab's whole internet; STORY=g1: what a postmaster
#                 sees and does when a root leaves the bundle while mail depends on it; STORY=publish: the whole life of a domain
#                 that publishes a policy, with a mistake at each step that is caught before it hurts
#   make attack   the same with somebody on the wire: the attack matrix (docs/attacks.md); JSON=FILE for all details
#   make bench    what a verification costs with 1, 140 and 1000 roots, and the policy host beside nginx (bench/README.md);
#                 JSON=FILE for the figures of the first; warm answers and the size of the cache, WARM="--sizes 1e6 --svg FOLDER" and more
#   make soak     mixed load with faults for MINUTES=10: memory, descriptors and latency must stay; JSON=FILE for all samples
#   make fuzz     libFuzzer on every parser, a minute each (needs clang); TARGET=NAME for one, RUNS=N or SECONDS=N for longer
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

bench: $(BUILD)/build.ninja
	ninja -C $(BUILD) bench/bench_verify bench/web_load tests/unit/daemon/policy_host
	$(BUILD)/bench/bench_verify $(if $(JSON),--json > $(JSON))
	bench/policy_host.py $(BUILD)
	ninja -C $(BUILD) bench/warm/bench_load bench/warm/bench_echo bench/warm/bench_serve tests/unit/daemon/daemon_warm_test
	bench/warm/run $(BUILD) $(WARM)

soak: all
	tools/run-in-lab $(BUILD) soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(JSON),--json $(JSON))

build-fuzz/build.ninja:
	CC="$(if $(shell command -v ccache),ccache )clang" meson setup build-fuzz -Dfuzz=true

fuzz: build-fuzz/build.ninja
	ninja -C build-fuzz $(if $(TARGET),tests/fuzz/fuzz_$(TARGET),fuzz)
	tools/fuzz build-fuzz $(if $(TARGET),--target $(TARGET)) $(if $(RUNS),--runs $(RUNS)) $(if $(SECONDS),--seconds $(SECONDS))

clean:
	rm -rf build build-*

.PHONY: all deps test test-long test-steady demo attack bench fuzz soak lab clean
