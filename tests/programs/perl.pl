# Deterministic work for perl.sh: the same output whatever malloc is.
use strict;
use warnings;

my $state = 1;

sub next_random { # a small generator of our own: the same numbers everywhere
    my ($limit) = @_;
    $state = ($state * 1103515245 + 12345) % 2147483648;
    return int($state / 65536) % $limit;
}

# A string that grows byte by byte, and one that is cut and joined.
my $long = '';
$long .= chr(97 + next_random(26)) for 1 .. 300_000;
my @pieces = $long =~ /([aeiou][^aeiou]*)/g;
print 'pieces ', scalar(@pieces), ' ', length(join('', @pieces)), "\n";

# Nested hashes, filled, thinned out, refilled.
my %tree;
for my $round (1 .. 3) {
    for (1 .. 15_000) {
        push @{ $tree{ next_random(500) }{ 'k' . next_random(100) } }, 'v' x next_random(50);
    }
    delete $tree{ next_random(500) } for 1 .. 200;
}
my $total = 0;
for my $key (sort { $a <=> $b } keys %tree) {
    for my $inner (sort keys %{ $tree{$key} }) {
        $total += length for @{ $tree{$key}{$inner} };
    }
}
print "tree $total\n";

my @sorted = sort map { sprintf '%08x', next_random(1 << 15) * next_random(1 << 15) } 1 .. 50_000;
print "sorted $sorted[0] $sorted[25_000] $sorted[-1]\n";

(my $swapped = $long) =~ s/(\w)(\w)/$2$1/g;
print 'checksum ', unpack('%32C*', $swapped), ' ', substr($swapped, 1000, 20), "\n";

$| = 1;
for my $n (1 .. 10) {
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        my @list = map { 'x' x $_ } 1 .. 1000;
        exit(@list == 1000 ? $n : 99);
    }
    waitpid $pid, 0;
    print 'child ', $? >> 8, "\n";
}
