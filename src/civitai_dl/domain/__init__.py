"""What civitai-dl knows and decides, without a clock, a disk or a socket."""
