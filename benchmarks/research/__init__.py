"""Research: figures and studies that nothing serves with."""
