"""Training of any-order filling: query rows over a Llama-type network.  README.md of the parent folder has the commands."""
