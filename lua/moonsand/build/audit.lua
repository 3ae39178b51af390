--- `--audit`: of what tasks did with their sysroots, what their recipes should say otherwise. A
--- dependency that is declared and never opened; files of one that is there only because another
--- one needs it; writes to a sysroot. For `--audit=full` also files of the host, and what was
--- looked for in vain. They are warnings: no result depends on them.
local execute = require "moonsand.build.execute"
local graph = require "moonsand.build.graph"
local multiconfig = require "moonsand.recipe.multiconfig"
local observe = require "moonsand.build.observe"
local order = require "moonsand.order"
local outside = require "moonsand.build.outside"
local place = require "moonsand.build.place"
local read = require("moonsand.text").read
local words = require("moonsand.text").words

local M = {}

local LARGEST <const> = 8 << 20 -- bytes of a file that is searched for the names of others

---@class moonsand.build.Finding
---@field kind "unused"|"transitive"|"write"|"host"|"probe"
---@field recipe string
---@field text string           one sentence
---@field fix string            what to do: for "transitive" the line that the recipe lacks
---@field where? string         "file:line"
---@field dependency? string    unused, transitive: the recipe that it is about; host, probe: who
---  has the file, host also: the package
---@field through? string[]     transitive: the declared dependencies that bring it along
---@field task? string          transitive, write, host, probe
---@field path? string          transitive: below the sysroot; write: below /work; host, probe:
---  absolute, inside

-- A recipe of the build as it is looked at.
local function subject(node)
  return {
    recipe = node.recipe, nodes = {}, direct = {}, offers = {}, unseen = {}, seen = {},
    ignored = {},
  }
end

local function add_direct(own, node)
  for _, edge in ipairs(node.needs) do
    local other = edge.node
    if other.recipe ~= own.recipe and other.offers
      and other.recipe.configuration == own.recipe.configuration
      and not own.direct[other.recipe.name] then
      own.direct[other.recipe.name] = {node = node, edge = edge}
    end
  end
end

local function observation(build, node)
  if node.observed then return node.observed end
  local action = node.record and node.record.action
  return observe.decode(action and build.store:record("log", "audit." .. action))
end

local function add_node(build, own, node)
  local seen, full = observation(build, node), build.options.audit == "full"
  if #node.sysroots == 0 and not seen and not full then return end
  own.nodes[#own.nodes + 1], own.seen[node] = node, seen
  for _, offer in ipairs(node.sysroots) do own.offers[offer.recipe.name] = offer end
  if seen and (seen.full or not full) then return end
  own.incomplete = own.incomplete or not seen and #node.sysroots > 0
  if node.record then own.unseen[#own.unseen + 1] = node.name end -- else it has not ended well
end

-- The recipes that have a task with a sysroot or an observation, in the order of their names.
local function subjects(build, nodes)
  local by = {}
  for _, node in ipairs(nodes) do
    local name = multiconfig.name(node.recipe)
    by[name] = by[name] or subject(node)
    add_direct(by[name], node)
    if node.kind == "task" then add_node(build, by[name], node) end
  end
  local list = {}
  for _, own in order.sorted(by) do
    if #own.nodes > 0 then list[#list + 1] = own end
    for _, name in ipairs(words(own.recipe.data:get "MOONSAND_AUDIT_IGNORE")) do
      own.ignored[name] = true
    end
  end
  return list
end

-- Are all tasks of the recipe in the build that lead to its do_build? Another one may be the user
-- of what seems to have none.
local function is_whole(own, planned)
  local by, todo, seen = {}, {"do_build"}, {}
  for _, task in ipairs(own.recipe.tasks) do by[task.name] = task end
  while #todo > 0 do
    local name = table.remove(todo)
    local task = by[name]
    if task and not seen[name] then
      seen[name] = true
      if name ~= "do_build" and not planned[("%s:%s"):format(multiconfig.name(own.recipe),
        graph.short(name))] then
        return false
      end
      table.move(task.after or {}, 1, #(task.after or {}), #todo + 1, todo)
    end
  end
  return true
end

local function each_opened(own, visit)
  for _, node in ipairs(own.nodes) do
    for _, one in ipairs(own.seen[node] and own.seen[node].opened or {}) do visit(one, node) end
  end
end

local function lost_any(own)
  for _, node in ipairs(own.nodes) do
    if own.seen[node] and own.seen[node].lost then return true end
  end
end

-- How a recipe names a dependency, and what to change for it not to.
local function declaration(direct)
  local node, edge = direct.node, direct.edge
  local needs = node.graph:needs_of(node.recipe)
  local where = node.graph:where(node, edge)
  for _, name in ipairs(needs:depends(node.recipe)) do
    if edge.kind ~= "depends" and needs:build(name) == edge.node.recipe then
      local own = not where:find "%.bbclass:%d+$" and not where:find "%.conf:%d+$"
      return ("%s depends on '%s'"):format(node.recipe.name, name), where, own
        and ('take "%s" out of DEPENDS'):format(name) or ('DEPENDS:remove = "%s"'):format(name)
    end
  end
  return ("%s depends on '%s'"):format(node.name, edge.node.name), where,
    ('take "%s:%s" out of %s[%s]'):format(edge.node.recipe.name, edge.node.task, node.task,
      edge.kind)
end

local function unused(build, own, add)
  local used = {}
  each_opened(own, function(one) used[one.recipe] = true end)
  for name, direct in order.sorted(own.direct) do
    local offer = own.offers[name]
    local tree = offer and offer.record and build.store:tree(offer.record.trees.sysroot)
    if not used[name] and not own.ignored[name] and tree and tree.files > 0 then
      local named, where, fix = declaration(direct)
      add {kind = "unused", dependency = name, where = where, fix = fix,
        text = named .. ", and no task opens a file of it"}
    end
  end
end

-- Libraries that are linked because others need them are no use of one's own.
local function is_library(path)
  local name = path:match "[^/]*$"
  return name:find "%.so$" or name:find "%.so%.[%d.]+$" or name:find "%.l?a$" or name:find "%.pc$"
end

local function text_of(build, own, one)
  local offer = own.offers[one.recipe]
  local tree = offer and offer.record and build.store:tree(offer.record.trees.sysroot)
  local text = tree and tree.files > 0 and read(tree.path .. "/" .. one.path)
  return text and #text <= LARGEST and text or ""
end

-- What an opened file of a declared dependency names is opened on its behalf: the header that its
-- header includes, the program that its program runs.
local function without_explained(build, own, candidates, known)
  local left = candidates
  while #known > 0 and #left > 0 do
    local text = text_of(build, own, table.remove(known))
    local rest = {}
    for _, one in ipairs(left) do
      if text:find(one.path:match "[^/]*$", 1, true) then
        known[#known + 1] = one
      else
        rest[#rest + 1] = one
      end
    end
    left = rest
  end
  return left
end

local function through(own, name)
  local list = {}
  for direct, entry in order.sorted(own.direct) do
    for _, offer in ipairs(entry.edge.node.sysroots) do
      if offer.recipe.name == name then list[#list + 1] = direct end
    end
  end
  return list
end

-- What is opened of others than the declared dependencies, and what of these could explain it.
local function foreign(own)
  local candidates, known, owned = {}, {}, {}
  each_opened(own, function(one)
    if own.direct[one.recipe] then owned[one.kind .. one.path] = true end
  end)
  each_opened(own, function(one, node)
    if own.direct[one.recipe] then
      if not is_library(one.path) then known[#known + 1] = one end
    elseif not owned[one.kind .. one.path] and not is_library(one.path)
      and not own.ignored[one.recipe] and one.recipe ~= own.recipe.name then
      candidates[#candidates + 1] = {recipe = one.recipe, path = one.path, task = node.name}
    end
  end)
  return candidates, known
end

local function transitive(build, own, add)
  local first = {}
  for _, one in ipairs(without_explained(build, own, foreign(own))) do
    first[one.recipe] = first[one.recipe] or one
  end
  for name, one in order.sorted(first) do
    local ways = through(own, name)
    add {kind = "transitive", dependency = name, task = one.task, path = one.path, through = ways,
      where = place.of(own.recipe, "DEPENDS"), fix = ('DEPENDS += "%s"'):format(name),
      text = ("%s opens %s of '%s', which is there because '%s' needs it"):format(one.task,
        one.path, name, table.concat(ways, "' and '"))}
  end
end

local function writes(own, add)
  for _, node in ipairs(own.nodes) do
    local list = own.seen[node] and own.seen[node].written or {}
    if #list > 0 then
      local more = #list > 1 and (" and %d more"):format(#list - 1) or ""
      add {kind = "write", task = node.name, path = list[1],
        where = graph.place(own.recipe, node.task),
        fix = "install it into ${D}: what is written to a sysroot reaches nobody",
        text = ("%s writes to its sysroot: %s%s"):format(node.name, list[1], more)}
    end
  end
end

local function note(build, count, findings, unseen, rest)
  if #unseen > 0 then
    local names = table.concat(unseen, " ", 1, math.min(#unseen, 5))
    local option = build.options.audit == "full" and "--audit=full" or "--audit"
    build.events:send("note", {text = ("audit: %d task%s, made without %s, told nothing: "
      .. "%s%s; -f TASK runs one again"):format(#unseen, #unseen == 1 and "" or "s", option, names,
      #unseen > 5 and " ..." or "")})
  end
  if rest > 0 then
    build.events:send("note", {text = ("audit: %d other name%s looked for in vain, and no recipe "
      .. "here has one of them: %s/RECIPE/audit.do_TASK"):format(rest, rest == 1 and " was"
      or "s were", build.directory)})
  end
  build.events:send("note", {text = ("audit: %d finding%s in %d recipe%s"):format(findings,
    findings == 1 and "" or "s", count, count == 1 and "" or "s")})
end

-- What each task was seen to do, beside its log: all of it, not only what is worth a finding.
local function write_seen(build, own)
  for _, node in ipairs(own.nodes) do
    local seen = own.seen[node]
    local file = seen and seen.full and io.open(execute.path(build.directory, node, "audit"), "w")
    if file then
      file:write(observe.encode(seen))
      file:close()
    end
  end
end

--- Look at what the tasks of a build did, in it or when their results were made; each finding is
--- told.
---@param build table   the builder, running
---@param nodes moonsand.build.Node[]
---@return moonsand.build.Finding[]
function M.run(build, nodes)
  local findings, planned, unseen = {}, {}, {}
  for _, node in ipairs(nodes) do planned[node.name] = true end
  local list = subjects(build, nodes)
  local beyond = build.options.audit == "full" and outside.new(build, list)
  for _, own in ipairs(list) do
    local function add(finding)
      finding.recipe = multiconfig.name(own.recipe)
      findings[#findings + 1] = finding
      local event = {}
      for key, value in pairs(finding) do event[key] = value end
      build.events:send("audit_finding", event)
    end
    if not own.incomplete and not lost_any(own) and is_whole(own, planned) then
      unused(build, own, add)
    end
    transitive(build, own, add)
    writes(own, add)
    if beyond then
      beyond:host(own, add)
      beyond:probes(own, add)
      write_seen(build, own)
    end
    table.move(own.unseen, 1, #own.unseen, #unseen + 1, unseen)
  end
  note(build, #list, #findings, unseen, beyond and beyond.rest or 0)
  return findings
end

return M
