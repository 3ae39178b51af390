-- docs/events.md is what a build sends, and the other way round.
local host = require "spec.support.host"
local project = require "spec.support.project"

-- Event -> field -> type, from the tables of the page.
local function documented()
  local all, common = {}, {}
  local here = common
  for line in host.read "docs/events.md":gmatch "[^\n]+" do
    local heading = line:match "^## (.+)$"
    if heading then
      here = heading == "All events" and common or {}
      all[heading] = here
    end
    local field, kind = line:match "^| `([%l_]+)` | ([%l ]+) |"
    if field then here[field] = kind end
  end
  all["All events"] = nil
  for _, fields in pairs(all) do
    for field, kind in pairs(common) do fields[field] = kind end
  end
  return all
end

local function kind_of(value)
  if type(value) == "table" then
    if type(value[1]) == "table" then return "list of objects" end
    return (next(value) == nil or #value > 0) and "list of strings" or "object"
  end
  return math.type(value) == "integer" and "integer" or math.type(value) and "number"
    or type(value)
end

local function fits(kind, wanted)
  return kind == wanted or kind == "integer" and wanted == "number"
end

-- A recipe that installs a header named after it.
local function library(text)
  return text .. 'deltask fetch unpack patch configure compile\ndo_install() {\n    ' ..
    'mkdir -p "${D}${includedir}"\n    echo >"${D}${includedir}/${PN}.h"\n}\n' ..
    'do_install[deptask] = "do_populate_sysroot"\n'
end

describe("the page of events", function()
  it("has every field that a build sends, with its type", function()
    local pages, seen = documented(), {}
    local here <close> = setmetatable({}, {__close = function(self) self.project:close() end})
    here.project = project.new()
    here.project:write {
      ["a/a_1.bb"] = "do_compile() {\n    echo said\n    bbwarn careful\n" ..
        "    moonsand_tell g 50\n}\n",
      ["b/b_1.bb"] = 'MOONSAND_ERROR_LINES = "oops"\ndo_compile() {\n    false\n}\n',
      ["l/l_1.bb"] = library "", ["m/m_1.bb"] = library 'DEPENDS = "l"\n',
      ["n/n_1.bb"] = 'DEPENDS = "m"\ndo_compile() {\n    cat ' ..
        "${STAGING_INCDIR}/l.h\n}\n",
    }
    local all = {}
    for _, targets in ipairs {{"a"}, {"a"}, {"a", "b", "n:compile"}} do
      here.project:build(targets, {force = {"a:compile"}, audit = true, keep_going = true})
      table.move(here.project.events, 1, #here.project.events, #all + 1, all)
    end
    here.project:write {["c/c_1.bb"] = "deltask patch\n" ..
      "do_unpack() {\n    echo $$ > id\n}\n" .. 'do_configure[unreproducible] = "ids"\n' ..
      "do_configure() {\n    echo $$ > id\n}\naddtask configure\n"}
    here.project:build({"c:unpack", "c:configure"}, {check = true})
    table.move(here.project.events, 1, #here.project.events, #all + 1, all)
    for _, event in ipairs(all) do
      local page = pages[event.event]
      assert(page, event.event .. " is not on the page")
      for field, value in pairs(event) do
        local wanted = page[field]
        assert(wanted, ("%s.%s is not on the page"):format(event.event, field))
        assert(fits(kind_of(value), wanted), ("%s.%s is a %s"):format(event.event, field,
          kind_of(value)))
        seen[event.event .. "." .. field] = true
      end
    end
    -- What a build of two small recipes has no reason to send.
    local rare = {["task_ended.signal"] = true, ["task_ended.message"] = true,
      ["task_ended.hint"] = true, ["note.text"] = true, ["note.event"] = true, ["note.time"] = true,
      ["task_waiting.task"] = true, ["task_waiting.event"] = true, ["task_waiting.time"] = true}
    for _, field in ipairs {"task", "hook", "outcome", "seconds", "event", "time"} do
      rare["task_hook." .. field] = true -- of a root of layers (hook_spec)
    end
    for _, field in ipairs {"exit_code", "signal", "command", "cwd", "message", "hint",
      "patterns"} do
      rare["task_checked." .. field] = true -- of a second run that failed
    end
    for name, fields in pairs(pages) do
      for field in pairs(fields) do
        local full = name .. "." .. field
        assert(seen[full] or rare[full], full .. " is on the page, and was not sent")
      end
    end
  end)
end)
