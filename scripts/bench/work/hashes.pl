# Hashes, arrays, strings, regular expressions: argument = rounds.
use strict;
use warnings;

my $total = 0;
for my $round (1 .. $ARGV[0]) {
    my (%count, @lines);
    for my $i (1 .. 20000) {
        my $word = 'w' . ($i * 7919 % 5003);
        push @{ $count{$word} }, "$word:$i";
        push @lines, join(',', map { $_ * $i % 1009 } 1 .. $i % 8 + 1) . ' ' . 'x' x ($i % 90);
    }
    my @sorted = sort { @{ $count{$b} } <=> @{ $count{$a} } || $a cmp $b } keys %count;
    $total += length join ' ', map { "$_=" . scalar @{ $count{$_} } } @sorted;
    for my $line (@lines) {
        my @fields = split /,/, $line;
        $total += @fields;
        (my $copy = $line) =~ s/(\d+)/<$1>/g;
        $total += length $copy;
    }
}
print "$total\n";
