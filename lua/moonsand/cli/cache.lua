--- `moonsand cache list|size|verify|gc|...`: what the store holds, whether it is whole, and away
--- with what nobody needs. What is about one task's result is in transfer.lua.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local project = require "moonsand.cli.project"
local transfer = require "moonsand.cli.transfer"

local M = {}

---@param parser table
function M.define(parser)
  parser:description("Look after the store: list what it holds, show what that takes, verify "
    .. "every byte of it, collect (gc) what nobody needs; export the result of a task to a file, "
    .. "import such a file; pin a result, so that gc does not take it.")
  parser:argument("what"):choices {"list", "size", "verify", "gc", "export", "import", "pin",
    "unpin", "protect"}
    :description("list, size, verify, gc, export, import, pin, unpin or protect")
  parser:argument("words"):args("*"):argname("WORD")
    :description("export TASK FILE, import FILE, pin NAME TASK, unpin NAME, protect on|off")
  parser:option("--state"):argname("DIR")
    :description("where the store is (MOONSAND_DIR, else ~/.cache/moonsand)")
  parser:flag("--json"):description("as JSON")
  parser:flag("--quick"):description("verify: names and sizes only, read no content")
  parser:flag("--repair")
    :description("verify: put aside what is damaged, so that the next build makes it again")
  parser:option("--keep-size"):argname("N")
    :description("gc: how much may stay: 20G, 500M (default: half of the disk, at most 100G)")
  parser:option("--keep-days"):argname("N"):description("gc: what was used so lately stays")
  parser:option("--keep-builds"):argname("N")
    :description("gc: of how many of the last builds everything stays (default 3)")
  parser:flag("-n --dry-run"):description("gc: show what would go")
end

local belongs = {quick = "verify", repair = "verify", keep_size = "gc", keep_days = "gc",
  keep_builds = "gc", dry_run = "gc"}

local function check(args)
  for _, key in ipairs(require "moonsand.order".keys(belongs)) do
    if args[key] and belongs[key] ~= args.what then
      fault.throw("usage", ("'--%s' is an option of 'cache %s'"):format(key:gsub("_", "-"),
        belongs[key]), {hint = "moonsand help cache"})
    end
  end
  if args.keep_size and args.keep_days then
    fault.throw("usage", "'--keep-size' and '--keep-days' cannot be given together",
      {hint = "collect twice"})
  end
end

local units = {[""] = 0, K = 10, M = 20, G = 30, T = 40}

--- "20G", "1.5T", "4096": bytes.
---@param text string
---@return integer
function M.bytes(text)
  local number, unit = text:match("^(%d+%.?%d*)([KMGT]?)$")
  if not number or #number > 15 then
    fault.throw("usage", ("'--keep-size %s': it is no size"):format(text),
      {hint = "a number, and K, M, G or T after it: 20G"})
  end
  return math.floor(tonumber(number) * (1 << units[unit]))
end

local function number(text, option, whole)
  local value = text and text:find("^%d+%.?%d*$") and tonumber(text)
  if text and (not value or whole and not math.tointeger(value)) then
    fault.throw("usage", ("'%s %s': it is not a %snumber from 0 on"):format(option, text,
      whole and "whole " or ""))
  end
  return value and (whole and math.tointeger(value) or value) or nil
end

--- "1.2 GiB".
---@param bytes integer
---@return string
function M.amount(bytes)
  local names, n = {"B", "KiB", "MiB", "GiB", "TiB"}, 1
  while bytes >= 1024 and n < #names do bytes, n = bytes / 1024, n + 1 end
  return (n == 1 and "%d %s" or "%.1f %s"):format(bytes, names[n])
end

local function print_json(ui, value, keys)
  ui:print(require "dkjson".encode(value, {indent = true, keyorder = keys}), "\n")
end

local function array(list) return setmetatable(list, {__jsontype = "array"}) end

local kinds = {tree = "tree", layer = "work layer"}
local verbs = {}

local function ago(ns)
  local minutes = (core.time_ns() - ns) // 60000000000
  if minutes < 120 then return ("%d min"):format(math.max(0, minutes)) end
  if minutes < 2880 then return ("%d h"):format(minutes // 60) end
  return ("%d days"):format(minutes // 1440)
end

function verbs.list(path, args, ui)
  local items = require "moonsand.layer.census".list(path, require "moonsand.layer.gc".BUILDS)
  if args.json then
    local list = array {}
    for i, item in ipairs(items) do
      list[i] = {kind = item.kind, digest = item.digest, name = item.name, files = item.files,
        bytes = item.bytes, used = item.used_ns // 1000000000, held = item.held}
    end
    print_json(ui, list, {"kind", "digest", "name", "files", "bytes", "used", "held"})
    return 0
  end
  for _, item in ipairs(items) do
    local line = ("%-10s  %s  %10s  %8s  %-6s  %s"):format(kinds[item.kind],
      item.digest:sub(1, 12), M.amount(item.bytes), ago(item.used_ns), item.held or "",
      item.name or "")
    ui:print((line:gsub("%s+$", "")), "\n")
  end
  return 0
end

function verbs.size(path, args, ui)
  local parts, total = require "moonsand.layer.census".size(path)
  local free = core.statfs(path).free
  if args.json then
    print_json(ui, {path = path, parts = parts, bytes = total, free = free},
      {"path", "parts", "bytes", "free", "name", "count"})
    return 0
  end
  for _, part in ipairs(parts) do
    ui:print(("%-10s  %8d  %10s\n"):format(part.name, part.count, M.amount(part.bytes)))
  end
  ui:print(("%-10s  %8s  %10s\n"):format("all", "", M.amount(total)))
  ui:print(("%-10s  %8s  %10s\n"):format("free", "", M.amount(free)))
  return 0
end

local function show_finding(ui, finding)
  local name = kinds[finding.kind] and ("%s %s"):format(kinds[finding.kind],
    finding.digest:sub(1, 12)) or finding.path
  for _, problem in ipairs(finding.problems) do
    ui:print(("%s: %s\n"):format(name, problem))
  end
  if finding.moved then ui:print("  forgotten; it is in ", finding.moved, "\n") end
end

function verbs.verify(path, args, ui)
  local findings, counts = require "moonsand.layer.verify".run(path,
    {full = not args.quick, repair = args.repair})
  if args.json then
    for _, finding in ipairs(findings) do array(finding.problems) end
    print_json(ui, {path = path, checked = {trees = counts.tree, layers = counts.layer,
      records = counts.records}, findings = array(findings)}, {"path", "checked", "trees",
      "layers", "records", "findings", "kind", "digest", "problems", "moved"})
  else
    for _, finding in ipairs(findings) do show_finding(ui, finding) end
    ui:print(("%d trees, %d work layers, %d records: %d damaged\n"):format(counts.tree,
      counts.layer, counts.records, #findings))
    if #findings > 0 and not args.repair then
      ui:say("moonsand: moonsand cache verify --repair forgets what is damaged\n")
    end
  end
  return #findings > 0 and not args.repair and 1 or 0
end

local function show_gc(ui, report, dry_run)
  for _, item in ipairs(report.removed) do
    ui:print(("%-10s  %s  %10s  %s\n"):format(kinds[item.kind], item.digest:sub(1, 12),
      M.amount(item.bytes), item.name or ""))
  end
  for _, why in ipairs(report.stuck) do ui:print("not deleted: ", why, "\n") end
  ui:print(("%s %d trees and work layers, %d records: %s; %s stay, %d of them held\n"):format(
    dry_run and "would remove" or "removed", #report.removed, report.records,
    M.amount(report.freed), M.amount(report.used), report.held))
end

function verbs.gc(path, args, ui)
  local report = require "moonsand.layer.gc".run(path, {
    max_used = args.keep_size and M.bytes(args.keep_size),
    unused_days = number(args.keep_days, "--keep-days"),
    keep_builds = number(args.keep_builds, "--keep-builds", true), dry_run = args.dry_run,
  })
  if args.json then
    array(report.removed)
    array(report.stuck)
    print_json(ui, report, {"removed", "kind", "digest", "name", "bytes"})
  else
    show_gc(ui, report, args.dry_run)
  end
  return #report.stuck > 0 and 1 or 0
end

---@param args table
---@param ui moonsand.Interface
---@return integer code   1: something is damaged, or could not be deleted
function M.run(args, ui)
  check(args)
  if transfer[args.what] then return transfer[args.what](args, ui) end
  if #(args.words or {}) > 0 then
    fault.throw("usage", ("'cache %s' takes no '%s'"):format(args.what, args.words[1]))
  end
  local place = project.place(ui, args.state) .. "/store"
  return verbs[args.what](require "moonsand.layer.layout".find(place), args, ui)
end

return M
