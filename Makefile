# moonsand. `make demo` builds real software in sandboxes, `make test` runs the specs; README.md has the rest.
PREFIX ?= /usr/local
DESTDIR ?=
CC ?= cc
CFLAGS ?= -O2 -g
LUA ?= lua5.4

# Where objects go: `make O=build/asan CFLAGS=... build/asan/moonsand/core.so` builds a second core beside
# the first.
O ?= build

LUADIR = $(PREFIX)/share/lua/5.4
LIBDIR = $(PREFIX)/lib/lua/5.4
SHAREDIR = $(PREFIX)/share/moonsand
MANDIR = $(PREFIX)/share/man

WARN = -std=gnu11 -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
CORE_CFLAGS = $(WARN) -pthread -fPIC -fvisibility=hidden -I/usr/include/lua5.4 -Wa,-I$(O)/core
CORE_LIBS = -lcap -lseccomp
# core/init.c is a program of its own: our pid 1.
objects = $(patsubst core/%.c,$(O)/core/%.o,$(filter-out core/init.c,$(wildcard core/*.c)))
modules = $(wildcard lua/moonsand/*.lua lua/moonsand/*/*.lua lua/moonsand/*/*/*.lua)
recipes = $(shell find recipes -type f)
python = $(shell find python -name '*.py')
pages = $(wildcard docs/*.[1-8])
# For editors: what the functions in C take and return. Lua modules have it in their sources.
stubs = $(wildcard core/*.d.lua)

all: $(O)/moonsand/core.so $(O)/moonsand/moonsand $(O)/moonsand/full/moonsand $(O)/python.compiled

# Python's half, for the helper to start faster. Each compiled file has the hash of its source, so
# one that is out of date is not used; none is needed.
compile_python = if [ -x /usr/bin/python3 ]; then \
  /usr/bin/python3 -m compileall -q --invalidation-mode checked-hash

$(O)/python.compiled: $(python)
	@mkdir -p $(@D)
	@$(compile_python) python/bb python/moonsand || :; fi
	@touch $@

$(O)/moonsand/core.so: $(objects)
	@mkdir -p $(@D)
	$(CC) -shared $(CFLAGS) -pthread $(LDFLAGS) -o $@ $(objects) $(CORE_LIBS)

# The program that is pid 1 of a sandbox: no libc, one page. It travels inside of core.so.
INIT_CFLAGS = -std=gnu11 -Os -Wall -Wextra -Wshadow -Wconversion -ffreestanding -fno-stack-protector \
  -fno-pie -fno-asynchronous-unwind-tables -fcf-protection=none
INIT_LDFLAGS = -static -nostdlib -no-pie -Wl,--build-id=none -Wl,-z,norelro -Wl,-n -s

$(O)/core/moonsand-init: core/init.c core/status.h
	@mkdir -p $(@D)
	$(CC) $(INIT_CFLAGS) $(INIT_LDFLAGS) -o $@ $<

$(O)/core/plan.o: $(O)/core/moonsand-init

$(O)/core/%.o: core/%.c $(wildcard core/*.h)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(CORE_CFLAGS) -c -o $@ $<

# The command: Lua, the core and the compiled modules in one file, for it to start fast; without a
# loader, and with one for what needs libraries (bin/alone.c).
program = $(O)/bin/moonsand.o $(O)/bin/memory.o $(objects)
LUA_LIBS = -Wl,--whole-archive -l:liblua5.4.a -Wl,--no-whole-archive -lm
STATIC_LIBS = $(CORE_LIBS:-l%=-l:lib%.a)

$(O)/bin/bundle.h: bin/bundle.lua bin/slim.lua bin/start.lua $(modules) $(O)/moonsand/core.so
	@mkdir -p $(@D)
	LUA_PATH='./lua/?.lua;./lua/?/init.lua;;' LUA_CPATH='$(O)/?.so;;' \
	  $(LUA) bin/bundle.lua $(@D) $(modules)

$(O)/bin/%.o: bin/%.c $(wildcard bin/*.h) $(O)/bin/bundle.h
	$(CC) $(CFLAGS) $(WARN) -I/usr/include/lua5.4 -I$(O)/bin -Wa,-I$(O)/bin -c -o $@ $<

$(O)/moonsand/moonsand: $(O)/bin/alone.o $(program)
	$(CC) $(CFLAGS) -pthread -static-pie -Wl,--wrap=dlopen,--wrap=dlerror $(LDFLAGS) -o $@ $^ \
	  $(LUA_LIBS) $(STATIC_LIBS)

$(O)/moonsand/full/moonsand: $(program)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -pthread $(LDFLAGS) -Wl,-E -Wl,-z,now -o $@ $^ $(LUA_LIBS) $(STATIC_LIBS)

# The two commands. Each looks first for the Debian packages that it uses (.ci/need).
demo:
	@sh .ci/need 'make demo' build run demo
	@$(MAKE) --no-print-directory -s all
	@sh examples/demo.sh

test:
	@sh .ci/need 'make test' build run test
	@$(MAKE) --no-print-directory -s all
	@LUA='$(LUA)' MAKE='$(MAKE)' sh .ci/test

# Specs on one of Debian's kernels in a virtual machine: other control groups, an older kernel.
# Every recipe there is, then what each of them says of its own result.
world:
	@sh .ci/need 'make world' build run demo world
	@$(MAKE) --no-print-directory -s all
	@bin/moonsand build world world:test

vm-test:
	@sh .ci/need 'make vm-test' build run test vm
	@$(MAKE) --no-print-directory -s all
	@sh spec/vm/test

check: test

lint:
	@sh .ci/need 'make lint' build lint
	@LUA='$(LUA)' MAKE='$(MAKE)' sh .ci/lint

# docs/api.md, of the annotations in the sources.
api:
	@$(LUA) docs/api.lua >docs/api.md.new
	@mv docs/api.md.new docs/api.md

bench:
	@sh .ci/need 'make bench' build run bench
	@$(MAKE) --no-print-directory -s all $(O)/bench/floor $(O)/bench/stage
	@LUA_PATH='./lua/?.lua;./lua/?/init.lua;./?.lua;;' LUA_CPATH='$(O)/?.so;;' O='$(O)' \
	  sh -e -c 'for file in bench/*.lua; do $(LUA) "$$file"; done'

# Longer, for one that looks for something: make fuzz SECONDS=3600
SECONDS ?= 60
fuzz:
	@sh .ci/need 'make fuzz' build run fuzz
	@LUA='$(LUA)' MAKE='$(MAKE)' sh .ci/fuzz '$(SECONDS)'

# Mutated recipes through the reader: make fuzz-recipes COUNT=1000000 SEED=1
fuzz-recipes: all
	@LUA_PATH='./?.lua;./lua/?.lua;./lua/?/init.lua;;' LUA_CPATH='$(O)/?.so;;' \
	  $(LUA) fuzz/recipes.lua '$(COUNT)' $(SEED)

# BitBake's own answers, where ../shared/data (or ANSWERS) has them, asked of the command. With
# BUILD=DIRECTORY, a build directory of OpenEmbedded-Core, those on it, too; that takes long.
answers: all
	@LUA_PATH='./?.lua;./lua/?.lua;./lua/?/init.lua;;' LUA_CPATH='$(O)/?.so;;' \
	  $(LUA) spec/support/outside.lua
	@LUA_PATH='./?.lua;./lua/?.lua;./lua/?/init.lua;;' LUA_CPATH='$(O)/?.so;;' \
	  $(LUA) spec/support/outside_queue.lua
	@[ -z '$(BUILD)' ] || LUA_PATH='./?.lua;./lua/?.lua;./lua/?/init.lua;;' \
	  LUA_CPATH='$(O)/?.so;;' $(LUA) spec/support/outside_build.lua '$(BUILD)' $(PARTS)

# What ten thousand sandboxes leave behind. It takes some minutes.
COUNT ?= 10000
soak: all
	@LUA_PATH='./?.lua;./lua/?.lua;./lua/?/init.lua;;' LUA_CPATH='$(O)/?.so;;' \
	  $(LUA) spec/support/soak.lua '$(COUNT)' 50

# Ten minutes of builds, collections and imports on one store whose processes are killed all the time.
.PHONY: soak-store
soak-store: all
	@LUA_PATH='./?.lua;./lua/?.lua;./lua/?/init.lua;;' LUA_CPATH='$(O)/?.so;;' \
	  $(LUA) spec/support/soak_store.lua 600 400

# What README.md and the tour say, by an account that is made for it.
.PHONY: newcomer
newcomer:
	@sh .ci/need 'make newcomer' build run test demo
	@sh .ci/newcomer

# Two clones, of two users, one with -j1 and one with -j2: do they come to the same? See docs/store.md.
PLACE ?= /tmp/moonsand-clones
TARGETS ?= world world:test
.PHONY: clones
clones:
	@sh .ci/need 'make clones' build run demo world
	@$(MAKE) --no-print-directory -s all
	@LUA='$(LUA)' sh .ci/clones '$(PLACE)' $(TARGETS)

$(O)/bench/stage: BENCH_LIBS = -lcrypto -pthread

$(O)/bench/%: bench/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARN) -o $@ $< $(BENCH_LIBS)

# Completions of shells are made of the options that there are.
completions = $(O)/completion/moonsand.bash $(O)/completion/moonsand.fish $(O)/completion/moonsand.zsh
$(O)/completion/moonsand.%: $(O)/moonsand/core.so $(modules)
	@mkdir -p $(@D)
	LUA_PATH='./lua/?.lua;./lua/?/init.lua;;' LUA_CPATH='$(O)/?.so;;' $(LUA) -e \
	  'io.write(require("moonsand.cli.completion").text("$*"))' >$@.new
	mv $@.new $@

# Where each of them is looked for.
BASHDIR = $(PREFIX)/share/bash-completion/completions
FISHDIR = $(PREFIX)/share/fish/vendor_completions.d
ZSHDIR = $(PREFIX)/share/zsh/site-functions

install: all $(completions)
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(LIBDIR)/moonsand'
	install -m 755 $(O)/moonsand/moonsand '$(DESTDIR)$(PREFIX)/bin/moonsand'
	install -D -m 755 $(O)/moonsand/full/moonsand '$(DESTDIR)$(PREFIX)/lib/moonsand/moonsand'
	install -m 755 $(O)/moonsand/core.so '$(DESTDIR)$(LIBDIR)/moonsand/core.so'
	for file in $(patsubst lua/%,%,$(modules)); do \
	  install -p -D -m 644 "lua/$$file" "$(DESTDIR)$(LUADIR)/$$file" || exit; done
	for file in $(recipes) $(python); do \
	  install -D -m 644 "$$file" "$(DESTDIR)$(SHAREDIR)/$$file" || exit; done
	$(if $(DESTDIR),,$(compile_python) '$(SHAREDIR)/python/bb' '$(SHAREDIR)/python/moonsand'; fi)
	for page in $(pages); do \
	  install -D -m 644 "$$page" "$(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}" || exit; done
	install -D -m 644 $(O)/completion/moonsand.bash '$(DESTDIR)$(BASHDIR)/moonsand'
	install -D -m 644 $(O)/completion/moonsand.fish '$(DESTDIR)$(FISHDIR)/moonsand.fish'
	install -D -m 644 $(O)/completion/moonsand.zsh '$(DESTDIR)$(ZSHDIR)/_moonsand'
	for file in $(stubs); do \
	  install -D -m 644 "$$file" "$(DESTDIR)$(SHAREDIR)/library/$${file##*/}" || exit; done

uninstall:
	rm -f '$(DESTDIR)$(PREFIX)/bin/moonsand'
	rm -rf '$(DESTDIR)$(PREFIX)/lib/moonsand'
	rm -rf '$(DESTDIR)$(LUADIR)/moonsand' '$(DESTDIR)$(LIBDIR)/moonsand' '$(DESTDIR)$(SHAREDIR)'
	rm -f '$(DESTDIR)$(BASHDIR)/moonsand' '$(DESTDIR)$(FISHDIR)/moonsand.fish' '$(DESTDIR)$(ZSHDIR)/_moonsand'
	for page in $(pages); do rm -f "$(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}"; done

# A package for this Debian, in build/deb; what is in git, with the time of the last commit.
deb:
	@sh .ci/need 'make deb' build run
	@LUA='$(LUA)' MAKE='$(MAKE)' sh packaging/deb

# Does it install and run on a clean root? (The root is made with debootstrap; that takes minutes.)
deb-test: deb
	@sh .ci/need 'make deb-test' build run deb
	@sh packaging/deb-test

clean:
	rm -rf build
	find python -name __pycache__ -prune -exec rm -r {} +

.PHONY: all demo world test vm-test check lint fuzz fuzz-recipes answers soak soak-builds bench api install \
  uninstall deb deb-test clean
