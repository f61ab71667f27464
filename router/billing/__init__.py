"""What a request costs: prices, bills, and the local card's time."""
