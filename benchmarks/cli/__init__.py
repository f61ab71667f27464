"""Was that the right choice? Measured, with what it ran on."""
