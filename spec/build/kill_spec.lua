local core = require "moonsand.core"
local host = require "spec.support.host"
local kill = require "spec.support.kill"
local project = require "spec.support.project"

describe("a build that is killed", function()
  it("goes on where it was, ends with the same digests, and leaves nothing", function()
    local moments, at = {0.2, 0.4, 0.6}, 0
    local result = kill.run(#moments, function()
      at = at % #moments + 1
      return moments[at]
    end)
    assert.are.equal(3, result.killed)
    assert.are.same({}, result.wrong)
    assert.are.same({}, result.leftovers)
  end)
end)

describe("two builds on one store", function()
  local here

  before_each(function() here = project.new() end)
  after_each(function() here:close() end)

  it("make a result once: the other one waits for it", function()
    here:write {["slow/slow_1.bb"] = [[
do_compile() {
    echo once >>/work/said
    sleep 0.5
}
]]}
    local code = [[
      local here = require "spec.support.project".at(%q)
      local builder <close> = here:builder {directory = %q}
      local summary = builder:run {"slow:compile"}
      local waited
      for _, event in ipairs(here.events) do waited = waited or event.event == "task_waiting" end
      print(summary.outcomes["slow:compile"], waited)
    ]]
    local readers, processes = {}, {}
    for i = 1, 2 do
      local writer
      readers[i], writer = assert(core.pipe())
      processes[i] = host.start({"lua5.4", "-e",
        code:format(here.path, here.path .. "/build" .. i)}, {[0] = 0, [1] = writer, [2] = 2})
      writer:close()
    end
    local said = {}
    for i = 1, 2 do
      said[i] = host.drain(readers[i]):match "^%S+"
      readers[i]:close()
      core.poll {{fd = processes[i]}}
      processes[i]:close()
    end
    table.sort(said)
    assert.are.same({"cached", "ok"}, said)
  end)
end)
