module waitbench/go_app

go 1.27

require github.com/lib/pq v1.10.7

// Debian's package of it, which build.sh puts there. Go itself fetches nothing.
replace github.com/lib/pq => ./build/pq
