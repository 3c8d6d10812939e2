"""Score entropy discrete diffusion (Lou, Meng and Ermon 2024): network, noise, loss, training and export."""
