def find_customer(customer_id: str) -> dict:
    return {"id": customer_id}
