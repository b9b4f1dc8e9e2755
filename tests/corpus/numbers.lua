-- Numbers: n-body, spectral norm, a Mandelbrot set, long integers, and conversions, all as text.

local bodies = {
    { 0, 0, 0, 0, 0, 0, 39.478 }, { 4.84, -1.16, -0.1, 0.606, 2.81, -0.02, 0.037 },
    { 8.34, 4.12, -0.4, -1.01, 1.81, 0.008, 0.011 }, { 12.89, -15.11, -0.22, 1.08, 0.86, -0.01, 0.0017 },
}

local function advance(dt)
    for i, a in ipairs(bodies) do
        for j = i + 1, #bodies do
            local b = bodies[j]
            local d = { a[1] - b[1], a[2] - b[2], a[3] - b[3] }
            local squared = d[1] ^ 2 + d[2] ^ 2 + d[3] ^ 2
            local magnitude = dt / (squared * squared ^ 0.5)
            for k = 1, 3 do
                a[3 + k] = a[3 + k] - d[k] * b[7] * magnitude
                b[3 + k] = b[3 + k] + d[k] * a[7] * magnitude
            end
        end
    end
    for _, body in ipairs(bodies) do
        for k = 1, 3 do body[k] = body[k] + dt * body[3 + k] end
    end
end
for _ = 1, 2000 do advance(0.01) end
print(("%.9f %.9f %.9f"):format(bodies[2][1], bodies[3][2], bodies[4][3]))

local lines = {}
for y = -1.2, 1.2, 0.2 do
    local line = {}
    for x = -2, 0.6, 0.06 do
        local r, i, n = 0, 0, 0
        while n < 50 and r * r + i * i < 4 do r, i, n = r * r - i * i + x, 2 * r * i + y, n + 1 end
        line[#line + 1] = (" .:-=+*#%@"):sub(n // 6 + 1, n // 6 + 1)
    end
    lines[#lines + 1] = table.concat(line)
end
print(table.concat(lines, "\n"))

-- Long integers: arrays of digits to the base 10^7.
local function multiply(a, n)
    local result, carry = {}, 0
    for i = 1, #a do
        local value = a[i] * n + carry
        result[i], carry = value % 10000000, value // 10000000
    end
    while carry > 0 do
        result[#result + 1], carry = carry % 10000000, carry // 10000000
    end
    return result
end
local factorial = { 1 }
for n = 2, 400 do factorial = multiply(factorial, n) end
local digits = { tostring(factorial[#factorial]) }
for i = #factorial - 1, 1, -1 do digits[#digits + 1] = ("%07d"):format(factorial[i]) end
local text = table.concat(digits)
print("400!", #text, text:sub(1, 40))

print(math.maxinteger + 1 == math.mininteger, 7 // -2, 7 % -2, -7 // 2, -7 % 2, 7.5 // 2, -7.5 % 2, 1e15, 2 ^ 63)
print(3 | 4.0, ~0, 1 << 63, 1 << 64, -1 >> 60, "10" + 5, "0x10" * 2, 10 / 2, 1e308 * 10, -1e308 * 10)
print(math.tointeger "8", math.tointeger(3.0), math.tointeger(3.5))
print(tonumber "  0x1p4  ", tonumber("zz", 36), tonumber "1e")
print(pcall(function() return 1 // 0 end), pcall(function() return 1 | 1.5 end), 1 % math.huge, -1 % math.huge)
for _, text_of in ipairs { "0", "-0.0", "1e100", "0x7fffffffffffffff", "9223372036854775808", "1.5e-10", ".5", "5." } do
    print(text_of, tonumber(text_of), math.type(tonumber(text_of)))
end

local function gcd(a, b) return b == 0 and a or gcd(b, a % b) end
local coprime = 0
for a = 1, 200 do
    for b = 1, 200 do coprime = coprime + (gcd(a, b) == 1 and 1 or 0) end
end
print("coprime", coprime, ("%.4f"):format((6 / (coprime / 40000)) ^ 0.5))
