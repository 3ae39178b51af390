-- What a mistake on a command line is answered with.
local host = require "spec.support.host"
local main = require "moonsand.cli.main"
local order = require "moonsand.order"
local wording = require "moonsand.cli.wording"

local function answer(words)
  local pipe <close> = assert(io.popen(("bin/moonsand run %s 2>&1 </dev/null"):format(words)))
  local out = pipe:read "a"
  return out, select(3, pipe:close())
end

local function is_answered(words, expected)
  local out, code = answer(words)
  assert.are.equal(expected, out)
  assert.are.equal(2, code)
end

describe("a command without -- before it", function()
  it("is shown with one", function()
    is_answered("ls -l", "moonsand: there is no '--' before the command 'ls'\n"
      .. "  moonsand run -- ls -l\n")
    is_answered("--ro /usr --nested ls -l", "moonsand: there is no '--' before the command 'ls'\n"
      .. "  moonsand run --ro /usr --nested -- ls -l\n")
    is_answered("--env A=b --umask 022 sh -c true", "moonsand: there is no '--' before the command "
      .. "'sh'\n  moonsand run --env A=b --umask 022 -- sh -c true\n")
  end)

  it("is not seen where another mistake is", function()
    assert.matches("unknown option '--rw0'", (answer "--rw0 /usr ls"), 1, true)
    assert.matches("'--ro' requires an argument", (answer "--ro"), 1, true)
  end)
end)

describe("a mistake among options", function()
  it("is said in options, not in keys of the library", function()
    assert.matches("^moonsand: %-%-idle%-timeout needs captured output, and %-%-stdout does not",
      (answer "--idle-timeout 5 --stdout /dev/null -- true"))
    is_answered("--isolation filters --tmpfs /x -- true", "moonsand: --tmpfs needs namespaces, and "
      .. "isolation is 'filters'\n  leave it out, or --isolation namespaces\n")
    assert.matches("^moonsand: %-%-ids is 'root', and %-%-uid is 5\n  %-%-ids self ",
      (answer "--ids root --uid 5 -- true"))
  end)

  it("is said the same for a plan that is only shown", function()
    assert.matches("--tmpfs needs namespaces",
      (answer "--plan --isolation filters --tmpfs /x -- true"), 1, true)
  end)

  it("has the nearest preset", function()
    is_answered("--seccomp bild -- true", "moonsand: '--seccomp bild': there is no such preset\n"
      .. "  did you mean 'build'?\n")
    assert.matches("cannot open ./bild", (answer "--seccomp ./bild -- true"), 1, true)
  end)
end)

describe("a mistake is told with what is wrong, where, and what to do:", function()
  for words, expected in order.sorted {
    ["--hostname ''"] = "--hostname is empty\n",
    ["--hostname " .. ("a"):rep(65)] = "--hostname has 65 bytes, and the kernel takes 64 without a "
      .. "NUL\n",
    ["--cwd here"] = "--cwd is 'here', which is no absolute path inside\n",
    ["--root hst"] = "--root is 'hst': there is no such directory\n  did you mean 'host'?\n",
    ["--root /etc/passwd"] = "--root is '/etc/passwd': that is no directory\n  it may be host, "
      .. "empty, or a directory of the caller's\n",
    ["--pass-env A=b"] = "'--pass-env A=b': it is no name of a variable\n  --env NAME=VALUE gives "
      .. "it a value\n",
    ["--timeout 0"] = "--timeout is 0; it must be a number of seconds above 0\n  leave it out for "
      .. "no bound\n",
    ["--grace=-1"] = "'--grace -1': it is not a number of seconds\n  moonsand help run\n",
    ["--uid -1"] = "'-1' is no option\n  a value that begins with - is written with =, as in "
      .. "--option=-1\n",
    ["--tmpfs /x:12x"] = "tmpfs[1].size is '12x', which is not a size\n  write bytes, or 64K, 64M, "
      .. "2G\n",
    ["--share nett"] = "--share has 'nett'; there are cgroup, ipc, net, pid, uts\n  did you mean "
      .. "'net'?\n",
    ["--stdin /no/such"] = "--stdin: /no/such: No such file or directory\n",
  } do
    it("moonsand run " .. words, function()
      is_answered(words .. " -- true", "moonsand: " .. expected)
    end)
  end

  it("a policy, with its file", function()
    local dir <close> = host.scratch()
    dir:file("policy.lua", "return {\n  read = \"x\",\n}\n")
    local path = dir.path .. "/policy.lua"
    is_answered(("--landlock %s -- true"):format(path),
      ("moonsand: %s:2: landlock.read must be a list\n"):format(path))
  end)
end)

describe("a step that fails is told with what to do:", function()
  for words, expected in order.sorted {
    ["--ro /no/such -- true"] = "optional = true (--ro?, --rw?) goes on without it",
    ["--ro /etc/passwd:/usr/bin -- true"] = "'/etc/passwd' is a file, and takes a place that is",
    ["--ro /usr:/etc/passwd -- true"] = "'/usr' is a directory, and takes a place that is one",
    ["--mask /no/such -- true"] = "nothing is at that place inside",
    ["--cwd /no/such -- true"] = "it is not there inside: dirs = {\"/no/such\"} (--dir)",
    ["-- no-such-program"] = "it is in no directory of PATH inside",
    ["-- /no/such/program"] = "there is no such file inside; a bind (--ro) shows the caller's",
    ["-- /etc/passwd"] = "it is a directory, or may not be executed",
  } do
    it("moonsand run " .. words, function()
      assert.matches("\n  " .. expected, (answer(words)), 1, true)
    end)
  end
end)

describe("the option of a key", function()
  it("is one that there is", function()
    local help = main.parser("run", require "moonsand.cli.run"):get_help():gsub("\n", " ")
    for _, key in ipairs {"network", "binds", "dirs", "files", "fds", "limits", "cap_add",
      "tmpfs", "idle_timeout", "as_init", "pty", "profile", "steps", "share", "ids", "symlinks",
      "devices"} do
      local option = wording.option(key)
      assert.is_truthy(option, key)
      assert.matches("   " .. option .. " ", help .. " ", 1, true)
    end
    assert.is_nil(wording.option "script")
    assert.is_nil(wording.option "on_output")
  end)
end)

describe("moonsand run --help", function()
  it("shows every option on the standard output, and ends well", function()
    local pipe <close> = assert(io.popen "bin/moonsand run --help 2>/dev/null")
    local out = pipe:read "a"
    assert.is_true((pipe:close()))
    assert.matches("^Usage: moonsand run %[OPTION%]... %-%- CMD", out)
    for name in pairs(require("moonsand.cli.options").names()) do
      assert.matches(name, out, 1, true)
    end
  end)

  it("is about moonsand even when the command has such an option", function()
    local dir <close> = host.scratch()
    local out = answer("--cwd / -- sh -c 'echo $0' --help " .. dir.path)
    assert.are.equal("--help\n", out)
  end)
end)
