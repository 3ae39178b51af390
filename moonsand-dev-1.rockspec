rockspec_format = "3.0"
package = "moonsand"
version = "dev-1"

source = {
  url = "git+file://.",
}

description = {
  summary = "Build software in Linux sandboxes",
  detailed = [[
    Sandboxes of Linux namespaces, overlay layers and BitBake-style recipes
    for Lua 5.4, with a command of its own.]],
  license = "MIT",
}

supported_platforms = {"linux"}

dependencies = {
  "lua ~> 5.4",
  "argparse ~> 0.7",
  "dkjson ~> 2.5",
  "lpeg ~> 1.0",
}

external_dependencies = {
  CAP = {header = "sys/capability.h", library = "cap"},
  SECCOMP = {header = "seccomp.h", library = "seccomp"},
  EDIT = {header = "histedit.h", library = "edit"},
  CRYPTO = {header = "openssl/evp.h", library = "crypto"},
}

test_dependencies = {
  "busted ~> 2.1",
}

test = {
  type = "command",
  command = "make test",
}

build = {
  type = "make",
  build_target = "all",
  build_variables = {
    CFLAGS = "$(CFLAGS)",
  },
  install_variables = {
    PREFIX = "$(PREFIX)",
    LUADIR = "$(LUADIR)",
    LIBDIR = "$(LIBDIR)",
    SHAREDIR = "$(LUADIR)/moonsand/share",
  },
}
