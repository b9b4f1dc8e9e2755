#!/usr/bin/env bash
# Perl: strings that grow, hashes, sorting, regular expressions, fork.
. "${0%/*}/common.bash"
need perl
export PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0

taken_over perl -e 1
same "perl: strings, hashes, sorting, regular expressions, fork" perl "$here/perl.pl"
finish
