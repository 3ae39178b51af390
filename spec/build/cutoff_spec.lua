-- What a change leads to: what the plan says, what runs, and where it ends.
local order = require "moonsand.order"
local project = require "spec.support.project"

local gone = [[
deltask fetch unpack patch
SHADE = "dark"
do_configure() {
    :
}
do_compile() {
    echo ${SHADE} >shade
}
]]

-- Each recipe has a header made from that of the one below.
local files = {
  ["low/low_1.bb"] = gone .. [[
WORDS = "one two"
SPACES = " "
do_install() {
    install -d ${D}${includedir}
    echo ${SPACES} ${WORDS} >${D}${includedir}/low.h
}
]],
  ["middle/middle_1.bb"] = gone .. [[
DEPENDS = "low"
do_install() {
    install -d ${D}${includedir}
    wc -w <${STAGING_INCDIR}/low.h >${D}${includedir}/middle.h
}
]],
  ["top/top_1.bb"] = gone .. [[
DEPENDS = "middle"
do_install() {
    install -d ${D}${includedir}
    cat ${STAGING_INCDIR}/middle.h >${D}${includedir}/top.h
}
]],
}

-- Tasks that are more than a name for those before them.
local function works(name)
  return not name:find ":build$"
end

local function planned(here)
  local builder <close> = here:builder()
  local list = {}
  for _, step in ipairs((builder:plan {"top"})) do
    if step.state == "run" and works(step.task) then list[step.task] = true end
  end
  return list
end

local function ran(here)
  assert.is_true(here:build({"top"}).ok)
  local list = {}
  for _, event in ipairs(here.events) do
    if event.event == "task_started" then list[event.task] = true end
  end
  return list
end

local function recipes_of(list)
  local names = {}
  for task in pairs(list) do names[task:match "^[^:]+"] = true end
  return order.keys(names)
end

describe("a change of one variable of the lowest of three recipes", function()
  local here

  before_each(function()
    here = project.new()
    here:write(files)
    assert.are.same({"low", "middle", "top"}, recipes_of(ran(here)))
    assert.are.same({}, planned(here))
  end)
  after_each(function() here:close() end)

  local function change(old, new)
    here:write {["low/low_1.bb"] = (files["low/low_1.bb"]:gsub(old, new))}
  end

  it("runs exactly what the plan said, when it changes the bytes of each", function()
    change("one two", "one two three")
    local expected = planned(here)
    assert.are.same({"low", "middle", "top"}, recipes_of(expected))
    assert.are.same(expected, ran(here))
    assert.are.same({}, planned(here))
  end)

  it("stops at the recipe whose sysroot came out the same, as the plan cannot know", function()
    change("WORDS =", 'SHADE = "light"\nWORDS =')
    local expected, found = planned(here), ran(here)
    assert.are.same({"low", "middle", "top"}, recipes_of(expected))
    assert.are.same({"low"}, recipes_of(found))
    assert.is_true(found["low:compile"] and found["low:install"])
    for task in pairs(found) do assert.is_true(expected[task], task) end
    assert.are.same({}, planned(here))
  end)

  it("stops at once, when it changes no bytes", function()
    change('SPACES = " "', 'SPACES = "  "')
    local expected, found = planned(here), ran(here)
    assert.are.same({"low", "middle", "top"}, recipes_of(expected))
    assert.are.same({["low:install"] = true}, found)
    assert.are.same({}, planned(here))
  end)
end)
