"""Training of any-order filling by query rows over a Llama-type network.  ../README.md has the commands."""
