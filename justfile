# Formatting and lints
check:
    cargo fmt --all --check
    cargo lint

# All tests
test:
    cargo test --release

# What benches/ times: gradient, score, derivatives, proofs, reading
bench:
    cargo bench

# The library's pages, without warnings
docs:
    RUSTDOCFLAGS="-D warnings" cargo docs

# Everything, as it runs on every change
ci:
    .ci/run
