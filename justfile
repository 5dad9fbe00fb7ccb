# Formatting and lints
check:
    cargo fmt --all --check
    cargo lint

# All tests
test:
    cargo test --release

# Value and gradient, against the rate of plain products
bench:
    cargo bench

# The library's pages, without warnings
docs:
    RUSTDOCFLAGS="-D warnings" cargo docs

# Everything, as it runs on every change
ci:
    .ci/run
