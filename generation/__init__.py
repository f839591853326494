"""Network and photographs in, one stimulus bank out."""
