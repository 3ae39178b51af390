local sequence = require "moonsand.sequence"

local function letters(text)
  local list = {}
  for letter in text:gmatch "." do list[#list + 1] = letter end
  return list
end

local function common(a, b)
  local one, other, from = {}, {}, letters(a)
  for _, pair in ipairs(sequence.common(from, letters(b))) do
    assert.are.equal(from[pair[1]], letters(b)[pair[2]])
    one[#one + 1], other[#other + 1] = from[pair[1]], pair[2]
  end
  for i = 2, #other do assert.is_true(other[i - 1] < other[i]) end
  return table.concat(one)
end

describe("what two lists have in common", function()
  it("is the longest sequence that both have in this order", function()
    assert.are.equal("bcd", common("abcd", "xbycdz"))
    assert.are.equal(4, #common("agcatgc", "gacgtac"))
  end)

  it("is all of equal lists, and nothing of lists that share nothing", function()
    assert.are.equal("abc", common("abc", "abc"))
    assert.are.equal("", common("abc", "xyz"))
    assert.are.equal("", common("", "abc"))
  end)
end)
