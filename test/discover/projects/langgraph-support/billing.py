def refund(order_id: str) -> str:
    """Return the money."""
    return order_id
