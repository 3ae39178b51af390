local project = require "spec.support.project"
local sandbox = require "moonsand.sandbox"

-- A shell that is one static program, to be the root of a test: what `sh` answers is compiled in.
local shell = [[
SRC_URI = "file://sh.c"
B = "${WORKDIR}"
deltask populate_sysroot
do_compile() {
    ${CC} -static sh.c -o sh
}
do_install() {
    install -D sh "${D}/bin/sh"
    echo shell > "${D}/bin/owner"
}
]]

-- Says what its root looks like; its script is not looked at.
local shell_source = [[
#include <dirent.h>
#include <stdio.h>
static void list(const char *path) {
  DIR *directory = opendir(path);
  struct dirent *entry;
  printf("%s:", path);
  while (directory && (entry = readdir(directory)))
    if (entry->d_name[0] != '.') printf(" %s", entry->d_name);
  printf(".\n");
}
int main(void) {
  char owner[99] = "";
  FILE *file = fopen("/bin/owner", "r");
  if (!file || !fgets(owner, sizeof owner, file)) return 9;
  list("/usr");
  list("/work");
  list("/bin");
  printf("owner: %s", owner);
  return 0;
}
]]

local program = [[
deltask fetch unpack patch configure compile populate_sysroot
do_install() {
    mkdir -p "${D}/bin"
    echo program > "${D}/bin/owner"
}
addtask test after do_install
do_test[root] = "outputs"
do_test[depends] = "shell:do_install"
do_test() {
    owner
}
]]

describe("a task whose root is what recipes installed", function()
  local here

  before_each(function()
    here = project.new()
    here:write {
      ["shell/shell_1.bb"] = shell, ["shell/files/sh.c"] = shell_source, ["p/p_1.bb"] = program,
    }
  end)
  after_each(function() here:close() end)

  it("sees these layers and nothing of the host; its own files lie over the others'", function()
    assert.is_true(here:build({"p:test"}).ok)
    local log = here:log "p:test"
    assert.matches("/usr:%.\n", log)
    assert.matches("/work: recipe%-sysroot[^\n]*%.\n", log)
    assert.matches("sh", log:match "/bin:([^\n]*)")
    assert.matches("owner: program\n", log)
  end)

  it("is known again on a host with other packages, where all that it is made of is made anew",
    function()
      here:build({"p:test"}, {host = {architecture = "same", packages = "one"}})
      local summary = here:build({"p:test"}, {host = {architecture = "same", packages = "two"}})
      assert.are.equal("ok", summary.outcomes["shell:install"])
      assert.are.equal("cached", summary.outcomes["p:test"])
    end)

  it("runs again when what it is made of has changed", function()
    here:build {"p:test"}
    here:write {["p/p_1.bb"] = program:gsub("echo program", "echo other")}
    local summary = here:build {"p:test"}
    assert.are.equal("ok", summary.outcomes["p:test"])
    assert.matches("owner: other\n", here:log "p:test")
    assert.are.equal("cached", summary.outcomes["shell:install"])
  end)

  it("is entered by the shell of that root", function()
    here:build {"p:test"}
    local builder <close> = here:builder()
    local options = builder:enter "p:test"
    assert.are.same({"/bin/sh", "-i"}, options.command)
    local result = sandbox.new(options):run()
    assert.matches("owner: program\n", result.stdout)
  end)

  it("may only be \"outputs\"; anything else is refused with its place", function()
    here:write {["p/p_1.bb"] = program:gsub('"outputs"', '"inputs"')}
    local ok, why = pcall(here.build, here, {"p:test"})
    assert.is_false(ok)
    assert.matches("p_1.bb:7", tostring(why))
    assert.matches("%[root%] of task 'p:test' is 'inputs'", tostring(why))
  end)
end)
