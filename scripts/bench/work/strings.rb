# 100,000 entries of short strings, arrays and hashes; each round replaces a third of them: argument = rounds.
LIVE = 100_000

def entry(i)
  words = Array.new(1 + i % 6) { |k| "word #{i * 7919 % 100_003} #{k} " * (1 + (i + k) % 4) }
  { id: i, words: words, line: words.join(" "), counts: words.map(&:length) }
end

entries = Array.new(LIVE) { |i| entry(i) }
total = 0
ARGV[0].to_i.times do |r|
  (LIVE / 3).times do |i|
    at = (i * 104_729 + r) % LIVE
    entries[at] = entry(at + r)
  end
  total += entries.sum { |e| e[:line].split(" ").length + e[:counts].sum }
end
puts total
