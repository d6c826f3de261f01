-- A shopping cart: a JSON object, from each item to how many of it, {"apples":2,"pears":1}.
-- Of carts that were changed at the same time every item stays, with the larger number: adding wins over removing, which is
-- what a put with the token of a read does.

local function cart_of(text)
  local cart = json.decode(text, "object")
  for item, count in pairs(cart) do
    assert(math.type(count) == "integer" and count >= 0, "a cart says how many of each item")
  end
  return cart
end

function merge(a, b)
  local cart = cart_of(a)
  for item, count in pairs(cart_of(b)) do
    cart[item] = math.max(cart[item] or 0, count)
  end
  return json.encode(cart)
end
