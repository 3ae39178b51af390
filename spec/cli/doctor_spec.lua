-- `moonsand doctor` as a program.
local host = require "spec.support.host"
local json = require "dkjson"

local function doctor(words, env)
  local pipe <close> = assert(io.popen(("%s bin/moonsand doctor %s 2>&1"):format(env or "", words)))
  local out = pipe:read "a"
  return out, select(3, pipe:close())
end

local kinds = {name = "string", ok = "boolean", needed = "boolean", what = "string",
  cost = "string", fix = "string", lasts = "string"}

describe("moonsand doctor", function()
  it("says of everything whether it is there, and of the rest what to do", function()
    local dir <close> = host.scratch()
    local out, code = doctor("--state " .. dir.path .. "/none")
    assert.is_true(code == 0 or code == 3)
    for line in out:gmatch "[^\n]+" do
      assert.is_truthy(line:find "^ok  %S" or line:find "^no  %S" or line:find "^      %S", line)
    end
    assert.matches("the store " .. dir.path .. "/none/store", out, 1, true)
    assert.is_nil((require("moonsand.core").stat(dir.path .. "/none")))
  end)

  it("says the same as JSON", function()
    local dir <close> = host.scratch()
    local report = assert(json.decode((doctor("--json --state " .. dir.path))))
    assert.are.same({}, report.removed)
    assert.is_true(#report.findings > 10)
    for _, finding in ipairs(report.findings) do
      for key, value in pairs(finding) do assert.are.equal(kinds[key], type(value), key) end
      assert.is_string(finding.name)
    end
  end)

  it("ends with 3 only when something is missing that every sandbox needs", function()
    local report = json.decode((doctor "--json"))
    local missing = false
    for _, finding in ipairs(report.findings) do
      missing = missing or finding.needed and not finding.ok
    end
    assert.are.equal(missing and 3 or 0, select(2, doctor "--json"))
    local out = host.lua [[
      local core = require "moonsand.core"
      assert(core.no_new_privileges {})
      assert(core.seccomp {rules = {{"ENOSYS", "clone3"}}})
      local words = require("moonsand.cli.main").call({"doctor"},
        require("moonsand.cli.interface").new())
      print("code", words)]]
    assert.matches("code\t3\n$", out)
    assert.matches("\n      costs  no sandbox but with isolation", out, 1, true)
  end)

  it("needs no HOME", function()
    local out = doctor("", "env -u HOME -u XDG_CACHE_HOME -u MOONSAND_DIR")
    assert.matches("^ok  Linux", out)
    assert.is_nil(out:find("the store", 1, true))
  end)

  it("removes what killed callers left in the store and beside it, and says what", function()
    local dir <close> = host.scratch()
    local core = require "moonsand.core"
    local store <close> = require("moonsand.layer.store").open(dir.path .. "/store")
    local alive <close> = store:scratch()
    assert(core.mkdirs(store.path .. "/tmp/dead.1/upper"))
    dir:file("store/tmp/dead.1/owner", "")
    assert(core.mkdirs(store.path .. "/trash/old/x"))
    local own = ("/tmp/moonsand-box-1-0-%s.cli%d"):format(
      core.readlink("/proc/self/ns/pid"):match "%d+", core.time_ns())
    assert(core.mkdir(own))
    local out = doctor("--state " .. dir.path)
    assert.matches("no  1 scratch directories of killed builds in the store, and 1 things", out, 1,
      true)
    assert.matches("moonsand doctor --fix", out, 1, true)
    out = doctor("--fix --state " .. dir.path)
    for _, path in ipairs {own, store.path .. "/tmp/dead.1", store.path .. "/trash/old"} do
      assert.matches("removed " .. path .. "\n", out, 1, true)
      assert.is_nil((core.stat(path)))
    end
    assert.matches("ok  nothing of killed builds in the store", out, 1, true)
    assert.is_truthy((core.stat(alive.path)))
  end)
end)
