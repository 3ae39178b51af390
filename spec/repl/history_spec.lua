local core = require "moonsand.core"
local history = require "moonsand.repl.history"
local host = require "spec.support.host"

local function env(values) return function(name) return values[name] end end

describe("the history", function()
  it("is where XDG says, else in the home directory, else nowhere", function()
    assert.are.equal("/s/moonsand/history", history.place(env {XDG_STATE_HOME = "/s", HOME = "/h"}))
    assert.are.equal("/h/.local/state/moonsand/history",
      history.place(env {XDG_STATE_HOME = "relative", HOME = "/h"}))
    assert.is_nil(history.place(env {}))
  end)

  it("is read by its owner only, also when the file was open to all", function()
    local dir <close> = host.scratch()
    local path = dir.path .. "/state/moonsand/history"
    history.open(path):add "first"
    assert.are.equal(384, core.stat(path).mode & 511)
    assert.are.equal(448, core.stat(dir.path .. "/state/moonsand").mode & 511)
    assert(core.chmod(path, 420))
    history.open(path)
    assert.are.equal(384, core.stat(path).mode & 511)
  end)

  it("has the lines of earlier sessions, oldest first", function()
    local dir <close> = host.scratch()
    local one, other = history.open(dir.path .. "/h/x"), history.open(dir.path .. "/h/x")
    one:add "1"
    other:add "2"
    one:add "3"
    assert.are.same({"1", "2", "3"}, history.open(dir.path .. "/h/x"):lines())
  end)

  it("keeps no line twice in a row, and none that begins with a blank", function()
    local dir <close> = host.scratch()
    local own = history.open(dir.path .. "/h/x")
    assert.is_true(own:add "a")
    assert.is_false(own:add "a")
    assert.is_false(own:add " secret")
    assert.are.same({"a"}, own:lines())
  end)

  it("does not grow without end", function()
    local dir <close> = host.scratch()
    local lines = {}
    for i = 1, 2500 do lines[i] = "line " .. i end
    local own = history.open(dir:file("h/x", table.concat(lines, "\n") .. "\n"))
    local kept = own:lines()
    assert.are.equal(1000, #kept)
    assert.are.equal("line 2500", kept[1000])
    assert.are.equal(1000, select(2, host.read(own.path):gsub("\n", "")))
    assert.are.equal(384, core.stat(own.path).mode & 511)
  end)
end)
