local project = require "spec.support.project"

-- Each target says when it starts and when it ends; "+ 12.3" and "- 12.6".
local makefile = [[
all: a b c
a b c:
	@read up rest < /proc/uptime; echo "+ $$up"; sleep 0.05; \
	  read up rest < /proc/uptime; echo "- $$up"
]]
local recipe = 'SRC_URI = "file://Makefile"\nB = "${WORKDIR}"\n' ..
  "do_compile() {\n    oe_runmake\n}\n"

-- The most that ran at one moment, over the logs of all tasks.
local function most_at_once(logs)
  local list, now, most = {}, 0, 0
  for _, text in ipairs(logs) do
    for sign, time in text:gmatch "([+-]) ([%d.]+)" do list[#list + 1] = {sign, tonumber(time)} end
  end
  table.sort(list, function(a, b)
    if a[2] ~= b[2] then return a[2] < b[2] end
    return a[1] == "-" and b[1] == "+"
  end)
  for _, entry in ipairs(list) do
    now = now + (entry[1] == "+" and 1 or -1)
    most = math.max(most, now)
  end
  return most, #list
end

describe("the pool of jobs", function()
  local here

  before_each(function() here = project.new() end)
  after_each(function() here:close() end)

  local function build(jobs)
    here:write {
      ["a/a_1.bb"] = recipe, ["a/files/Makefile"] = makefile,
      ["b/b_1.bb"] = recipe, ["b/files/Makefile"] = makefile,
    }
    assert.is_true(here:build({"a:compile", "b:compile"}, {jobs = jobs}).ok)
    return most_at_once {here:log "a:compile", here:log "b:compile"}
  end

  it("is shared by all tasks and the makes inside of them", function()
    local most, entries = build(3)
    assert.are.equal(12, entries)
    assert.is_true(most <= 3, ("%d ran at once"):format(most))
  end)

  it("of one lets one command run at a time", function()
    assert.are.equal(1, (build(1)))
  end)

  it("lets one make use all of it", function()
    here:write {["a/a_1.bb"] = recipe, ["a/files/Makefile"] = [[
all: a b
a: ; until test -e b-is-there; do sleep 0.01; done
b: ; touch b-is-there
]]}
    assert.is_true(here:build({"a:compile"}, {jobs = 2}).ok)
  end)
end)
