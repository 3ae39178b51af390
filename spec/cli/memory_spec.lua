--- The memory that the command gives to Lua (bin/memory.c): blocks of all sizes keep what is in
--- them when they grow, shrink and come back.
describe("the command's memory", function()
  it("keeps what is in blocks of any size, and uses again what was freed", function()
    local script = os.tmpname()
    finally(function() os.remove(script) end)
    local file <close> = assert(io.open(script, "w"))
    file:write [[
      local function round(seed)
        math.randomseed(seed)
        local texts, lists = {}, {}
        for i = 1, 3000 do
          local n = math.random(0, 1100)
          texts[i] = ("%d:"):format(n) .. string.rep(string.char(i % 256), n)
          local list = {}
          for k = 1, n % 97 do list[k] = i * k end
          for k = n % 97, n % 31 + 1, -1 do list[k] = nil end
          lists[i] = list
        end
        for i = 1, 3000 do
          local n = tonumber(texts[i]:match "^%d+")
          assert(texts[i]:sub(-n - 1) == ":" .. string.rep(string.char(i % 256), n))
          for k, value in ipairs(lists[i]) do assert(value == i * k) end
        end
      end
      local function resident()
        local file <close> = io.open "/proc/self/statm"
        return tonumber(file:read("a"):match "%d+ (%d+)")
      end
      for seed = 1, 3 do round(seed) collectgarbage() end
      local before = resident()
      for seed = 1, 12 do round(seed) collectgarbage() end
      assert(resident() < before + 1024, "it grew by more than 4 MiB")
      print "whole"
    ]]
    file:close()
    local pipe <close> = assert(io.popen("cp " .. script .. " " .. script .. ".lua && "
      .. "bin/moonsand " .. script .. ".lua 2>&1; rm " .. script .. ".lua"))
    assert.equal("whole\n", pipe:read "a")
  end)
end)
