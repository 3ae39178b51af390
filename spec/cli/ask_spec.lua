local ask = require "moonsand.cli.ask"

describe("a listener that waits for an answer", function()
  local heard, held

  before_each(function()
    heard = {}
    held = ask.held {
      event = function(_, event) heard[#heard + 1] = event end,
      tick = function() heard[#heard + 1] = "tick" end, close = function() end,
    }
  end)

  it("hears afterwards what was sent, in its order, and then as ever", function()
    local sent = {
      {event = "task_log", time = 1.5, task = "a:b", text = "one\n\"two\"\t\0\xff\n"},
      {event = "task_ended", time = 2, task = "a:b", outcome = "failed", exit_code = 2,
        patterns = {"x"}, memory = 1764000000123456789},
    }
    do
      local _ <close> = held:hold()
      for _, event in ipairs(sent) do held:event(event) end
      held:tick()
      assert.are.same({}, heard)
    end
    sent[3] = {event = "note", text = "later"}
    held:event(sent[3])
    assert.are.same(sent, heard)
    held:tick()
    assert.are.equal("tick", heard[4])
  end)

  it("keeps none of it in memory meanwhile", function()
    local text = ("x"):rep(1000)
    local waiting = held:hold()
    held:event {event = "task_log", text = text}
    collectgarbage()
    local before = collectgarbage "count"
    for i = 1, 4000 do held:event {event = "task_log", text = text .. i} end
    collectgarbage()
    assert.is_true(collectgarbage "count" - before < 100)
    getmetatable(waiting).__close()
    assert.are.equal(4001, #heard)
    assert.are.equal(text .. 4000, heard[4001].text)
  end)

  it("may be closed while it waits", function()
    local _ <close> = held:hold()
    held:event {event = "note", text = "x"}
    held:close()
    assert.are.same({}, heard)
  end)
end)
