-- What a mistake on a command line is answered with.
local host = require "spec.support.host"
local main = require "moonsand.cli.main"
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
