"""What commands print: kept within bounds, counted exactly, decoded late."""
