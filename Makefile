# moonsand. `make demo` builds real software in sandboxes, `make test` runs the specs; README.md has the rest.
PREFIX ?= /usr/local
DESTDIR ?=
CC ?= cc
CFLAGS ?= -O2 -g
LUA ?= lua5.4

WARN = -std=gnu11 -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
CORE_CFLAGS = $(WARN) -fPIC -fvisibility=hidden -I/usr/include/lua5.4
CORE_LIBS = -lcap -lcrypto
objects = $(patsubst core/%.c,build/core/%.o,$(filter-out core/init.c,$(wildcard core/*.c)))

all: build/moonsand/core.so

build/moonsand/core.so: $(objects)
	@mkdir -p $(@D)
	$(CC) -shared $(CFLAGS) $(LDFLAGS) -o $@ $(objects) $(CORE_LIBS)

build/core/%.o: core/%.c $(wildcard core/*.h)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(CORE_CFLAGS) -c -o $@ $<

clean:
	rm -rf build

.PHONY: all clean
